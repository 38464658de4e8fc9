#!/bin/bash
# Backups, in a container of the database's image, so that pg_dump has the server's version.
#
#   backup.sh loop           make a set every night at BACKUP_AT (UTC)
#   backup.sh now            make a set, and remove sets that are too old
#   backup.sh verify SET     check that a set is complete and undamaged
#   backup.sh restore SET    restore a set into an empty database and an empty media folder
#   backup.sh list           list the sets, newest first
#
# A set is a folder /backups/2026-01-31T023000Z: database.dump (pg_dump, custom format), media/ and manifest.json,
# all listed in SHA256SUMS. Until it is complete its name begins with .partial.
# The content of a photo never changes under its name, so sets share photos (hard links), and many sets take little more
# space than one.
#
# A set that lacks a table, rows or photos that the database has is a failure. A failed set is removed.
# DATABASE_URL or DATABASE_URL_FILE names the database, as for the backend. Photos are here with MEDIA_STORAGE=folder only.
#
# The result of the last backup is in /backups/status.json. The worker reads it and sends an alert if it failed.
set -euo pipefail
umask 077

BACKUPS=${BACKUPS:-/backups}
MEDIA=${MEDIA:-/srv/media}
MEDIA_OWNER=${MEDIA_OWNER:-10001:10001}

say() { printf '%s backup: %s\n' "$(date -u +%FT%TZ)" "$*"; }
fail() {
  say "FAILED: $*" >&2
  exit 1
}

for part in database checks make restore; do
  # shellcheck source=/dev/null
  . "$(dirname "$0")/$part.sh"
done

sets() { find "$BACKUPS" -mindepth 1 -maxdepth 1 -type d -name '20*Z' | sort -r; }

# On a full disk the file can only be emptied, which the worker reports too.
write_status() { # true|false, text, set
  printf '{"ok":%s,"at":"%s","set":"%s","text":"%s"}\n' "$1" "$(date -u +%FT%TZ)" "$3" \
    "$(printf '%s' "$2" | tr -d '\042\134' | tr '\n\t' '  ' | cut -c1-500)" >"$BACKUPS/.status.new" || {
    rm -f "$BACKUPS/.status.new"
    : >"$BACKUPS/status.json"
    return
  }
  chmod 644 "$BACKUPS/.status.new"
  mv "$BACKUPS/.status.new" "$BACKUPS/status.json"
}

# Runs make_set in a shell of its own, so that any failing step ends it, and writes the result to status.json.
now() {
  if output=$(bash "$0" make 2>&1); then
    printf '%s\n' "$output"
    write_status true "" "$(basename "$(sets | sed -n 1p)")"
  else
    printf '%s\n' "$output" >&2
    write_status false "$(printf '%s' "$output" | tail -n 3)" ""
    return 1
  fi
}

loop() {
  trap 'exit 0' TERM INT
  say "a set every night at ${BACKUP_AT:-02:30} UTC, and one now if the last is older than a day"
  while :; do
    last=$(sets | sed -n 1p)
    day_ago=$(date -u -d '25 hours ago' +%FT%H%M%SZ)
    if [ -z "$last" ] || expr "$day_ago" '>' "${last##*/}" >/dev/null; then
      now || pause 600 # try again soon; status.json shows the failure meanwhile
      continue
    fi
    until=$(date -u -d "${BACKUP_AT:-02:30}" +%s)
    [ "$until" -gt "$(date -u +%s)" ] || until=$((until + 86400))
    pause $((until - $(date -u +%s)))
    now || pause 600
  done
}

# A shell handles a signal only after a foreground sleep has ended, but at once during `wait`.
pause() {
  sleep "$1" &
  wait $! || true
}

folder() {
  set=$BACKUPS/${1##*/}
  [ "$1" != latest ] || set=$(sets | sed -n 1p)
  [ -n "$set" ] && [ -d "$set" ] || fail "there is no set $1 in $BACKUPS"
  echo "$set"
}

case "${1:-}" in make | restore) connect ;; esac
case "${1:-}" in
  loop) loop ;;
  now) now ;;
  make) make_set ;;
  prune) prune ;;
  list) sets ;;
  verify) verify "$(folder "${2:-latest}")" ;;
  restore) restore "$(folder "${2:?which set: its name, or latest}")" ;;
  *) sed -n '2,18s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
