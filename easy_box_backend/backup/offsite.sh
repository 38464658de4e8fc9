#!/bin/sh
# Off-site copies of the backup sets, by restic: encrypted, deduplicated, old ones kept as OFFSITE_KEEP says. What is
# removed here is not removed there.
#
#   offsite.sh loop           send each new set, and look every OFFSITE_SECONDS
#   offsite.sh now            send the newest set (send FOLDER: that set)
#   offsite.sh list           list what is there
#   offsite.sh fetch FOLDER [SNAPSHOT]    bring back the newest set (or another), .env, secrets and certificates
#
# RESTIC_REPOSITORY, RESTIC_PASSWORD and the storage's own keys come from easy_box_backend/offsite.env, which only this
# container has. A copy holds all that a lost server needs but the password: keep that elsewhere.
#
# The result of the last try is in $STATE/status.json. The worker reads it and tells people if it failed.
set -eu
umask 022 # the worker reads the status

BACKUPS=${BACKUPS:-/backups}
PROJECT=${PROJECT:-/project}
SETTINGS=${SETTINGS:-/settings}
STATE=${STATE:-/offsite}
KEEP=${OFFSITE_KEEP:-"--keep-daily 7 --keep-weekly 5 --keep-monthly 12 --keep-yearly 3"}
export RESTIC_CACHE_DIR="$STATE/cache"
mine="--host easybox --tag easybox" # several words

say() { printf '%s offsite: %s\n' "$(date -u +%FT%TZ)" "$*"; }
fail() {
  say "FAILED: $*" >&2
  exit 1
}

newest() { find "$BACKUPS" -mindepth 1 -maxdepth 1 -type d -name '20*Z' | sort | tail -n 1; }

write_status() { # true|false, text, set
  printf '{"ok":%s,"at":"%s","set":"%s","text":"%s"}\n' "$1" "$(date -u +%FT%TZ)" "$3" \
    "$(printf '%s' "$2" | tr -d '\042\134' | tr '\n\t' '  ' | cut -c1-500)" >"$STATE/.status.new"
  mv "$STATE/.status.new" "$STATE/status.json"
}

need_settings() {
  [ -n "${RESTIC_REPOSITORY:-}" ] && [ -n "${RESTIC_PASSWORD:-}${RESTIC_PASSWORD_FILE:-}" ] ||
    fail "offsite.env lacks RESTIC_REPOSITORY or RESTIC_PASSWORD"
}

# Sends a set with the settings, removes what OFFSITE_KEEP does not keep, and reads a hundredth of all data back.
send() { # folder of the set
  need_settings
  restic cat config >/dev/null 2>&1 || restic init
  restic unlock --quiet # of a run that was killed; others hold for half an hour
  set -- "$1"
  for path in "$PROJECT/.env" "$SETTINGS/secrets" "$SETTINGS/certs"; do
    [ ! -e "$path" ] || set -- "$@" "$path"
  done
  # shellcheck disable=SC2086 # words
  restic backup --quiet $mine "$@"
  # shellcheck disable=SC2086 # words
  [ "$KEEP" = none ] || restic forget --quiet $mine --group-by host $KEEP --prune
  restic check --quiet --read-data-subset 1%
}

now() {
  set_folder=$(newest)
  if [ -z "$set_folder" ]; then
    write_status false "there is no set in the folder of the backups" ""
    return 1
  fi
  if output=$(sh "$0" send "$set_folder" 2>&1); then
    say "sent ${set_folder##*/}"
    write_status true "" "${set_folder##*/}"
  else
    printf '%s\n' "$output" >&2
    write_status false "$(printf '%s' "$output" | tail -n 3)" ""
    return 1
  fi
}

loop() {
  trap 'exit 0' TERM INT
  say "each new set is sent"
  sent=$(sed -n 's/.*"ok":true.*"set":"\([^"]*\)".*/\1/p' "$STATE/status.json" 2>/dev/null || true)
  while :; do
    set_folder=$(newest)
    if [ -n "$set_folder" ] && [ "${set_folder##*/}" != "$sent" ] && now; then sent=${set_folder##*/}; fi
    sleep "${OFFSITE_SECONDS:-600}" &
    wait $! || true
  done
}

# Brings a copy into FOLDER: backups/<set>, .env, secrets/, certs/.
fetch() { # folder, snapshot
  need_settings
  mkdir -p "$1/raw"
  # shellcheck disable=SC2086 # words
  restic restore "$2" $mine --target "$1/raw" --verify
  found=$(find "$1/raw" -type d -name '20*Z' | head -n 1)
  [ -n "$found" ] || fail "the copy $2 has no set"
  mkdir -p "$1/backups"
  mv "$found" "$1/backups/"
  env_file=$(find "$1/raw" -type f -name .env | head -n 1)
  [ -n "$env_file" ] || fail "the copy $2 has no .env"
  mv "$env_file" "$1/.env"
  for name in secrets certs; do
    set_folder=$(find "$1/raw" -type d -name "$name" | head -n 1)
    [ -z "$set_folder" ] || mv "$set_folder" "$1/$name"
  done
  rm -rf "$1/raw"
  say "brought back $(ls "$1/backups")"
}

case "${1:-}" in
  loop) loop ;;
  now) now ;;
  send) send "${2:?which set}" ;;
  list) need_settings && restic snapshots --host easybox --tag easybox ;;
  fetch) fetch "${2:?into which folder}" "${3:-latest}" ;;
  *) sed -n '2,15s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
