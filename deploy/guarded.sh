#!/usr/bin/env bash
# Called by deploy.sh and rollback.sh, which run it in the background.
#
#   guarded.sh deploy|rollback SHA [LINK]
#
# Only one runs at a time. It checks out the release's files and runs that release's own steps.sh. If that fails or is
# ended by a signal, it restores the previous release. This script itself is the running release's, which is known to work.
# LOG: the file that receives the output of this script.
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=deploy/report.sh
. "$ROOT/deploy/report.sh"
# shellcheck source=deploy/watched.sh
. "$ROOT/deploy/watched.sh"

umask 022 # containers read nginx's files and proofs/phone/ as other users

main() {
  kind=$1 sha=$2 LINK=${3:-}
  exec 9>>"$STATE/lock"
  if ! flock --timeout 2 9; then # not at once: status.sh holds the lock for a moment
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
  if watched take_files && watched "$ROOT/deploy/steps.sh" "$kind" "$sha" && write_release "$sha" && remember "$kind" "$sha"; then
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

# shellcheck disable=SC2329 # called by watched
# Checks out the release's files and puts the settings of write-env.sh into .env.
take_files() {
  if ! git -C "$ROOT" cat-file -e "$sha^{commit}" 2>/dev/null; then
    timeout 120 git -C "$ROOT" fetch --quiet --tags origin || fail "git can't fetch from origin" "не удалось получить изменения из репозитория"
    git -C "$ROOT" cat-file -e "$sha^{commit}" 2>/dev/null || fail "origin has no commit $sha" "такого коммита нет в репозитории"
  fi
  [ -z "$(git -C "$ROOT" status --porcelain --untracked-files=no)" ] ||
    fail "files in $ROOT were changed by hand: git status, git checkout" "файлы на сервере изменены вручную (git status)"
  if [ "$kind" = deploy ] && [ -f "$ENV_FILE.next" ]; then
    [ -f "$ENV_FILE" ] || touch "$ENV_FILE" || no_env
    cp --preserve=mode "$ENV_FILE" "$ENV_FILE.before" || no_env
    # VERSION must be the running release: it may have changed since write-env.sh was called.
    mv "$ENV_FILE.next" "$ENV_FILE" || no_env
    [ -z "$before" ] || write_release "$before" || no_env
  fi
  git -C "$ROOT" checkout --quiet --detach "$sha" || fail "git can't check out $sha" "git не может перейти на эту версию"
}
# shellcheck disable=SC2329 # called by take_files
no_env() { fail ".env can't be written" "не удалось записать .env"; }

# Restores the files, settings and containers of the previous release. Unchanged services are not restarted.
go_back() {
  trap '' TERM INT # a restore must not be interrupted
  learn_whom_to_tell
  local commit project code=0
  commit=$(cat "$STATE/unfinished")
  project=$(stack) # its name in the new settings, which have failed
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

main "$@"
exit
