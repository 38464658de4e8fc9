#!/bin/sh
# Backups, inside a container of the database's own image (so pg_dump always fits the server).
#
#   backup.sh loop           one set every night at BACKUP_AT (UTC), for ever
#   backup.sh now            one set, and what is too old is removed
#   backup.sh verify SET     whether a set is whole
#   backup.sh restore SET    a set into an empty database and an empty media folder
#   backup.sh list           the sets, newest first
#
# A set is a folder /backups/2026-01-31T023000Z: database.dump (pg_dump, custom format), media/ and manifest.json,
# all listed in SHA256SUMS. It gets its name when it is complete; until then it is called .partial.
# Photos never change under a name, so a set shares the unchanged ones with the set before (hard links): many sets
# take little more room than one.
#
# How the last one went is in /backups/status.json; the worker reads it and raises the alarm.
set -eu
umask 077

BACKUPS=${BACKUPS:-/backups}
MEDIA=${MEDIA:-/srv/media}
MEDIA_OWNER=${MEDIA_OWNER:-10001:10001}

say() { printf '%s backup: %s\n' "$(date -u +%FT%TZ)" "$*"; }
fail() {
  say "FAILED: $*" >&2
  exit 1
}

# PGHOST, PGPORT, PGUSER and PGDATABASE are given; the password may lie in a file.
if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
  PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  export PGPASSWORD
fi

sets() { find "$BACKUPS" -mindepth 1 -maxdepth 1 -type d -name '20*Z' | sort -r; }

write_status() { # true|false, text, set
  printf '{"ok":%s,"at":"%s","set":"%s","text":"%s"}\n' "$1" "$(date -u +%FT%TZ)" "$3" \
    "$(printf '%s' "$2" | tr -d '\042\134' | tr '\n\t' '  ' | cut -c1-500)" >"$BACKUPS/.status.new"
  chmod 644 "$BACKUPS/.status.new"
  mv "$BACKUPS/.status.new" "$BACKUPS/status.json"
}

write_sums() {
  sums=$(cd "$1" && find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum)
  printf '%s\n' "$sums" >"$1/SHA256SUMS"
}

# Everything of media that the set lacks. Names carry their content, so what is there already is the same.
copy_media() { cp -R --preserve=mode,timestamps --no-clobber "$MEDIA/." "$1/media/"; }

make_set() {
  # Only one at a time: the nightly one and that of a deploy may meet.
  exec 9>"$BACKUPS/.lock"
  flock --wait 1800 9 || fail "another backup has not ended within half an hour"
  name=$(date -u +%FT%H%M%SZ)
  new="$BACKUPS/.partial-$name"
  previous=$(sets | head -n 1)
  rm -rf "$BACKUPS"/.partial-*
  mkdir -p "$new/media"
  if [ -n "$previous" ] && [ -d "$previous/media" ]; then
    # Not the owner: a set that was brought here from another server may be somebody else's.
    cp -R --link --no-dereference --preserve=mode,timestamps "$previous/media/." "$new/media/"
    # A photo that is gone from the shop is gone from new sets.
    (cd "$new/media" && find . -type f) | while read -r file; do
      [ -e "$MEDIA/$file" ] || rm -f "$new/media/$file"
    done
  fi
  # Photos before and after the dump: what the dump mentions was there at its moment, and is in one of the two.
  copy_media "$new"
  pg_dump --format=custom --compress=6 --no-owner --no-privileges --file="$new/database.dump"
  copy_media "$new"
  printf '{"name":"%s","made_by":"%s","postgresql":"%s","photos":%d}\n' "$name" "${VERSION:-unknown}" \
    "$(psql -AtXc 'show server_version')" "$(find "$new/media" -type f | wc -l)" >"$new/manifest.json"
  write_sums "$new"
  compare_with "$previous" "$new"
  sync
  mv "$new" "$BACKUPS/$name"
  say "made $BACKUPS/$name: $(du -sh "$BACKUPS/$name" | cut -f1), $(wc -l <"$BACKUPS/$name/SHA256SUMS") files"
  prune
}

# A shared photo that has rotted on the disk would rot in every set: copy those anew from where they are served.
compare_with() { # previous set or "", new set
  [ -n "$1" ] && [ -s "$1/SHA256SUMS" ] || return 0
  changed=$(awk 'NR == FNR { sum[$2] = $1; next } $2 ~ /^\.\/media\// && ($2 in sum) && sum[$2] != $1 { print $2 }' \
    "$1/SHA256SUMS" "$2/SHA256SUMS")
  [ -n "$changed" ] || return 0
  say "damaged in the set before, copied anew: $changed"
  for file in $changed; do
    rm -f "${2:?}/$file"
    cp --preserve=mode,timestamps "$MEDIA/${file#./media/}" "$2/$file"
  done
  write_sums "$2"
}

# Kept: everything of the last two days, then the newest set of each of 7 days, 4 weeks and 6 months.
prune() {
  days='' weeks='' months=''
  recent=$(date -u -d '2 days ago' +%FT%H%M%SZ)
  for set in $(sets); do
    name=${set##*/}
    day=${name%%T*}
    week=$(date -u -d "$day" +%G-%V)
    month=${day%-*}
    keep=
    if expr "$name" '>' "$recent" >/dev/null; then keep=yes; fi
    case " $days " in *" $day "*) ;; *) [ "$(echo "$days" | wc -w)" -ge "${KEEP_DAILY:-7}" ] || { days="$days $day" keep=yes; } ;; esac
    case " $weeks " in *" $week "*) ;; *) [ "$(echo "$weeks" | wc -w)" -ge "${KEEP_WEEKLY:-4}" ] || { weeks="$weeks $week" keep=yes; } ;; esac
    case " $months " in *" $month "*) ;; *) [ "$(echo "$months" | wc -w)" -ge "${KEEP_MONTHLY:-6}" ] || { months="$months $month" keep=yes; } ;; esac
    [ -n "$keep" ] || { rm -rf "$set" && say "removed $name"; }
  done
}

# Runs make_set in a shell of its own, so that any failing step ends it; says how it went.
now() {
  if output=$(sh "$0" make 2>&1); then
    printf '%s\n' "$output"
    write_status true "" "$(basename "$(sets | head -n 1)")"
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
    last=$(sets | head -n 1)
    day_ago=$(date -u -d '25 hours ago' +%FT%H%M%SZ)
    if [ -z "$last" ] || expr "$day_ago" '>' "${last##*/}" >/dev/null; then
      now || pause 600 # a failure is tried again soon; the status says so meanwhile
      continue
    fi
    until=$(date -u -d "${BACKUP_AT:-02:30}" +%s)
    [ "$until" -gt "$(date -u +%s)" ] || until=$((until + 86400))
    pause $((until - $(date -u +%s)))
    now || pause 600
  done
}

# A shell waits for a foreground sleep before it heeds a signal, but not for `wait`.
pause() {
  sleep "$1" &
  wait $! || true
}

verify() {
  [ -s "$1/SHA256SUMS" ] || fail "$1 is no complete set: it has no SHA256SUMS"
  (cd "$1" && sha256sum --check --quiet --strict SHA256SUMS) || fail "$1 is damaged"
  pg_restore --list "$1/database.dump" >/dev/null || fail "$1/database.dump can't be read"
  say "$1 is whole: $(wc -l <"$1/SHA256SUMS") files"
}

restore() {
  verify "$1"
  tables=$(psql -AtXc "select count(*) from pg_tables where schemaname = 'public'")
  [ "$tables" = 0 ] || fail "the database has $tables tables: a set is restored into an empty one only"
  [ -z "$(ls -A "$MEDIA")" ] || fail "the media folder is not empty: a set is restored into an empty one only"
  pg_restore --exit-on-error --single-transaction --no-owner --no-privileges --dbname="$PGDATABASE" "$1/database.dump"
  cp -a "$1/media/." "$MEDIA/"
  chown -R "$MEDIA_OWNER" "$MEDIA"
  (cd "$MEDIA" && sed -n 's,  \./media/,  ./,p' "$1/SHA256SUMS" | sha256sum --check --quiet --strict) ||
    fail "photos differ from the set"
  say "restored $1: $(psql -AtXc "select count(*) from pg_tables where schemaname = 'public'") tables, $(find "$MEDIA" -type f | wc -l) photos"
}

folder() {
  set=$BACKUPS/${1##*/}
  [ "$1" != latest ] || set=$(sets | head -n 1)
  [ -n "$set" ] && [ -d "$set" ] || fail "there is no set $1 in $BACKUPS"
  echo "$set"
}

case "${1:-}" in
  loop) loop ;;
  now) now ;;
  make) make_set ;;
  prune) prune ;;
  list) sets ;;
  verify) verify "$(folder "${2:-latest}")" ;;
  restore) restore "$(folder "${2:?which set: its name, or latest}")" ;;
  *) sed -n '2,15s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
