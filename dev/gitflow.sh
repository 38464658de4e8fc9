#!/usr/bin/env bash
# `make gitflow [NAME=stock-report] [PUSH=1]`: the branches of docs/branches.md. Creates `develop` from `main` if it does
# not exist, creates feature/NAME from `develop` and switches to it. PUSH=1 publishes both. Existing branches do not move.
set -euo pipefail

NAME=${NAME:-}
REMOTE=${REMOTE:-origin}
fail() {
  printf '%s\n' "$*" >&2
  exit 1
}
exists() { git show-ref --verify --quiet "$1"; }

# Creates the local branch $1 from the remote one, or from $2 if there is none. An existing branch stays.
branch() {
  local name=$1 from=$2
  if exists "refs/heads/$name"; then
    echo "$name: is there"
  elif exists "refs/remotes/$REMOTE/$name"; then
    git branch --quiet --track "$name" "$REMOTE/$name"
    echo "$name: taken from $REMOTE"
  else
    git branch --quiet --no-track "$name" "$from"
    echo "$name: made from $from"
  fi
}

publish() {
  if exists "refs/remotes/$REMOTE/$1" && git merge-base --is-ancestor "$1" "$REMOTE/$1"; then
    return # the remote has all of it
  fi
  git push --quiet --set-upstream "$REMOTE" "$1"
  echo "$1: pushed to $REMOTE"
}

NAME=${NAME#feature/}
[ -z "$NAME" ] || git check-ref-format --branch "feature/$NAME" >/dev/null 2>&1 || fail "NAME=$NAME is not a valid branch name."
cd "$(git rev-parse --show-toplevel)"
git remote get-url "$REMOTE" >/dev/null 2>&1 && git fetch --quiet "$REMOTE"
exists refs/heads/main || exists "refs/remotes/$REMOTE/main" || fail "There is no main yet: commit something first."

branch main main
branch develop main
[ -z "${PUSH:-}" ] || publish develop
if [ -n "$NAME" ]; then
  branch "feature/$NAME" develop
  [ -z "${PUSH:-}" ] || publish "feature/$NAME"
  git switch --quiet "feature/$NAME"
  echo "You are on feature/$NAME."
fi
