#!/usr/bin/env bash
# Not called by people: deploy.sh and rollback.sh run it in the background.
#
#   guarded.sh deploy|rollback SHA [LINK]
#
# One at a time; takes that release's files, runs its own steps.sh, and if that fails or is ended by whomever, brings back
# what ran before. This script is of the release that runs, which is known to be good. LOG: where our output goes.
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=deploy/report.sh
. "$ROOT/deploy/report.sh"

umask 022 # containers read nginx's files and proofs/phone/ as users of their own

main() {
  kind=$1 sha=$2 LINK=${3:-}
  exec 9>>"$STATE/lock"
  if ! flock --timeout 2 9; then # status.sh looks at it for a moment
    say "Another deploy or rollback is running, so this one does nothing."
    report busy "$sha"
    return 75
  fi
  # Those who follow us may go away.
  trap '' HUP PIPE
  if [ -e "$STATE/unfinished" ]; then
    say "The last one was killed before it could go back: that first"
    go_back || true # whether we get on from here, the next steps tell
  fi

  trap 'ended=yes' TERM INT
  before=$(running_release)
  learn_whom_to_tell
  printf '%s\n' "$(git -C "$ROOT" rev-parse HEAD)" >"$STATE/unfinished"
  if watched take_files && watched "$ROOT/deploy/steps.sh" "$kind" "$sha" && write_release "$sha" && remember; then
    rm -f "$STATE/unfinished" "$ENV_FILE.before"
    [ "$kind" = rollback ] || prune_images || true
    say "Release $sha serves, after $SECONDS s"
    report "$kind" "$sha" "$SECONDS"
    return 0
  fi

  reason=$(why)
  if go_back; then
    say "Back to ${before:-nothing, as before}, after $SECONDS s"
    report failed "$sha" "$before" "$reason"
    return 1
  fi
  say "FAILED to go back to ${before:-nothing}. A person is needed: deploy/status.sh"
  report stuck "$sha" "$before" "$reason"
  return 3
}

# Runs a command in a process group of its own, to end all of it when we are told to. Returns how it ended.
ended=
watched() {
  local child code=0
  [ -z "$ended" ] || return 143
  set -m
  (trap - TERM INT && "$@") &
  child=$!
  set +m
  while kill -0 "$child" 2>/dev/null; do
    wait "$child" && code=0 || code=$?
    if [ -n "$ended" ]; then
      end_group "$child"
      code=143
    fi
  done
  end_group "$child" # what it may have left in the background
  [ "$code" = 0 ]
}

end_group() {
  local tries
  kill -TERM -- "-$1" 2>/dev/null || return 0
  for tries in {1..100}; do
    kill -0 -- "-$1" 2>/dev/null || return 0
    sleep 0.3
  done
  say "Not gone after $((tries * 3 / 10)) s, so killed"
  kill -KILL -- "-$1" 2>/dev/null || true
}

# shellcheck disable=SC2329 # called by watched
# The release's files, and the settings that write-env.sh has brought.
take_files() {
  if ! git -C "$ROOT" cat-file -e "$sha^{commit}" 2>/dev/null; then
    timeout 120 git -C "$ROOT" fetch --quiet --tags origin || fail "git can't fetch from origin"
    git -C "$ROOT" cat-file -e "$sha^{commit}" 2>/dev/null || fail "origin has no commit $sha"
  fi
  [ -z "$(git -C "$ROOT" status --porcelain --untracked-files=no)" ] ||
    fail "files in $ROOT were changed by hand: git status, git checkout"
  if [ "$kind" = deploy ] && [ -f "$ENV_FILE.next" ]; then
    [ -f "$ENV_FILE" ] || touch "$ENV_FILE" || fail "there can be no .env"
    cp --preserve=mode "$ENV_FILE" "$ENV_FILE.before" || fail ".env can't be kept"
    # The release in it is still the one that runs, whatever it was when write-env.sh was called.
    mv "$ENV_FILE.next" "$ENV_FILE" || fail ".env can't be written"
    [ -z "$before" ] || write_release "$before" || fail ".env can't be written"
  fi
  git -C "$ROOT" checkout --quiet --detach "$sha" || fail "git can't check out $sha"
}

# Releases that served, the last one last. A rollback forgets those that came after: they are not to be gone back to.
remember() {
  local kept=
  if [ "$kind" = rollback ] && grep -q "^$sha " "$STATE/releases" 2>/dev/null; then
    kept=$(sed "/^$sha /q" "$STATE/releases")
    printf '%s\n' "$kept" >"$STATE/releases.half"
    mv "$STATE/releases.half" "$STATE/releases"
  else
    printf '%s %s\n' "$sha" "$(date -u +%FT%TZ)" >>"$STATE/releases"
  fi
}

# What ran before runs again: its files, its settings, its containers. What is as it was is not touched.
go_back() {
  trap '' TERM INT # nothing is better than going on
  learn_whom_to_tell
  local commit project code=0
  commit=$(cat "$STATE/unfinished")
  project=$(stack) # by the settings that have failed
  say "Going back"
  # The trial's, and those that a step has started for one command.
  docker ps --all --filter "label=com.docker.compose.project=$project" \
    --format '{{.Label "com.docker.compose.oneoff"}} {{.Label "com.docker.compose.service"}} {{.ID}}' |
    sed -nE 's/^[^ ]+ trial-[^ ]+ //p; s/^True (migrate|backup) //p' |
    xargs --no-run-if-empty docker rm --force --volumes >/dev/null || true
  if [ -f "$ENV_FILE.before" ]; then mv "$ENV_FILE.before" "$ENV_FILE"; fi
  if [ -z "$(running_release)" ]; then
    # Nothing ran before: what has failed shall not serve.
    docker ps --quiet --filter "label=com.docker.compose.project=$project" | xargs --no-run-if-empty docker stop >/dev/null || code=1
    git -C "$ROOT" checkout --quiet --detach "$commit" || code=1
  else
    git -C "$ROOT" checkout --quiet --detach "$commit" || code=1
    (
      VERSION=$(running_release)
      export VERSION
      "$ROOT/deploy/serve.sh"
    ) || code=1
  fi
  [ "$code" != 0 ] || rm -f "$STATE/unfinished"
  return "$code"
}

# What the steps have said last, for people.
why() {
  if [ -n "$ended" ]; then
    echo "it was ended by a signal"
  else
    sed -n 's/^FAILED: //p' "$LOG" | tail -n 1 | grep . || echo "it ended without saying why"
  fi
}

# The images of the last three releases stay, for rollback.sh.
prune_images() {
  local kept
  kept=$(releases | sed -n 1,3p)
  docker image ls --format '{{.Tag}}' "$(image)" | grep -E '^[0-9a-f]{40}$' | grep -vxF "$kept" |
    sed "s,^,$(image):," | xargs --no-run-if-empty docker image rm >/dev/null
}

main "$@"
exit
