#!/usr/bin/env bash
# Called by deploy.sh and rollback.sh, which run it in the background.
#
#   guarded.sh deploy|rollback SHA [LINK]
#
# Only one runs at a time. It checks out the release's files and runs that release's own steps.sh. If that fails or is
# ended by a signal, it restores the previous release. This script is of the running release, which is known to work.
# LOG: the file that our output goes to.
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=deploy/report.sh
. "$ROOT/deploy/report.sh"

umask 022 # containers read nginx's files and proofs/phone/ as other users

main() {
  kind=$1 sha=$2 LINK=${3:-}
  exec 9>>"$STATE/lock"
  if ! flock --timeout 2 9; then # status.sh holds it for a moment
    say "Another deploy or rollback is running, so this one does nothing."
    report busy "$sha"
    return 75
  fi
  # deploy.sh, which shows our log, may end before us.
  trap '' HUP PIPE
  if [ -e "$STATE/unfinished" ]; then
    say "The last one was killed before it could go back: that first"
    go_back || true # if that fails, the next steps will show it
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

# Runs a command in a process group of its own, so that a signal to us ends all of it. Returns whether it succeeded.
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
  end_group "$child" # background processes that it has left
  [ "$code" = 0 ]
}

end_group() {
  local tries
  kill -TERM -- "-$1" 2>/dev/null || return 0
  for tries in {1..100}; do
    kill -0 -- "-$1" 2>/dev/null || return 0
    sleep 0.3
  done
  say "Still running after $((tries * 3 / 10)) s: killed"
  kill -KILL -- "-$1" 2>/dev/null || true
}

# shellcheck disable=SC2329 # called by watched
# Checks out the release's files and puts the settings of write-env.sh into .env.
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
    # VERSION must be the running release: it may have changed since write-env.sh was called.
    mv "$ENV_FILE.next" "$ENV_FILE" || fail ".env can't be written"
    [ -z "$before" ] || write_release "$before" || fail ".env can't be written"
  fi
  git -C "$ROOT" checkout --quiet --detach "$sha" || fail "git can't check out $sha"
}

# Adds the release to the list of those that served, the latest last. A rollback removes the later ones: they are bad.
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

# Restores the files, settings and containers of the previous release. Unchanged services are not restarted.
go_back() {
  trap '' TERM INT # a restore must not be interrupted
  learn_whom_to_tell
  local commit project code=0
  commit=$(cat "$STATE/unfinished")
  project=$(stack) # of the failed settings
  say "Going back"
  # Remove the trial's containers and those that a step has started for one command.
  docker ps --all --filter "label=com.docker.compose.project=$project" \
    --format '{{.Label "com.docker.compose.oneoff"}} {{.Label "com.docker.compose.service"}} {{.ID}}' |
    sed -nE 's/^[^ ]+ trial-[^ ]+ //p; s/^True (migrate|backup) //p' |
    xargs --no-run-if-empty docker rm --force --volumes >/dev/null || true
  if [ -f "$ENV_FILE.before" ]; then mv "$ENV_FILE.before" "$ENV_FILE"; fi
  if [ -z "$(running_release)" ]; then
    # No release ran before: stop the failed one.
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

# The reason for people: the last FAILED line of the steps.
why() {
  if [ -n "$ended" ]; then
    echo "it was ended by a signal"
  else
    sed -n 's/^FAILED: //p' "$LOG" | tail -n 1 | grep . || echo "it ended without saying why"
  fi
}

# Removes old images. Those of the last three releases stay, for rollback.sh.
prune_images() {
  local kept
  kept=$(releases | sed -n 1,3p)
  docker image ls --format '{{.Tag}}' "$(image)" | grep -E '^[0-9a-f]{40}$' | grep -vxF "$kept" |
    sed "s,^,$(image):," | xargs --no-run-if-empty docker image rm >/dev/null
}

main "$@"
exit
