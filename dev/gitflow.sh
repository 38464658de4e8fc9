#!/usr/bin/env bash
# `make gitflow [NAME=stock-report] [PUSH=1]`: the branches of CONTRIBUTING.md. Makes `develop` from `main` if there is
# none, and feature/NAME from `develop`, and switches to it; PUSH=1 publishes both. What is there already stays as it is.
set -euo pipefail

NAME=${NAME:-}
REMOTE=${REMOTE:-origin}
fail() {
  printf '%s\n' "$*" >&2
  exit 1
}
exists() { git show-ref --verify --quiet "$1"; }

# A branch here: as it is, else as the remote one has it, else from $2.
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
    return # nothing there that they have not
  fi
  git push --quiet --set-upstream "$REMOTE" "$1"
  echo "$1: pushed to $REMOTE"
}

NAME=${NAME#feature/}
[ -z "$NAME" ] || git check-ref-format --branch "feature/$NAME" >/dev/null 2>&1 || fail "NAME=$NAME can't be a branch."
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
