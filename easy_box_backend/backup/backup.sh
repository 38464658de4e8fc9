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

decoded() { # a part of a URL
  local text=${1//\\/\\\\}
  printf '%b' "${text//%/\\x}"
}

# The parts of the URL as libpq's variables: everybody on the host can see a program's arguments.
connect() {
  local url=${DATABASE_URL:-} option options
  [ -z "${DATABASE_URL_FILE:-}" ] || url=$(cat "$DATABASE_URL_FILE")
  local user='([^:@/]*)' password='([^@/]*)' host='(\[[^]]*\]|[^:/?]*)'
  [[ $url =~ ^postgres(ql)?://($user(:$password)?@)?$host(:([0-9]+))?/([^?]+)(\?(.*))?$ ]] ||
    fail "DATABASE_URL is not postgres://user:password@host:5432/name"
  options=${BASH_REMATCH[11]}
  PGUSER=$(decoded "${BASH_REMATCH[3]}") PGPASSWORD=$(decoded "${BASH_REMATCH[5]}") PGPORT=${BASH_REMATCH[8]:-5432}
  PGHOST=$(tr -d '[]' <<<"${BASH_REMATCH[6]}") PGDATABASE=$(decoded "${BASH_REMATCH[9]}")
  export PGUSER PGPASSWORD PGHOST PGPORT PGDATABASE
  for option in ${options//&/ }; do
    case $option in
      sslmode=*) export PGSSLMODE="${option#*=}" ;;
      sslrootcert=*) PGSSLROOTCERT=$(decoded "${option#*=}") && export PGSSLROOTCERT ;;
    esac
  done
}

ask() { psql -AtXc "$1"; }

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

write_sums() {
  sums=$(cd "$1" && find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum)
  printf '%s\n' "$sums" >"$1/SHA256SUMS"
}

# Fails unless a set has room and BACKUP_SPARE_MB are left after it: a backup must not fill the disk.
check_room() { # previous set or ""
  local free needed
  if [ -n "$1" ]; then
    needed=$(($(du -m "$1/database.dump" | cut -f1) * 3 / 2)) # it has grown since
  else
    needed=$(ask 'select pg_database_size(current_database()) / 1048576')
  fi
  needed=$((needed + $(new_photos_mb "$1") + ${BACKUP_SPARE_MB:-1000}))
  free=$(free_mb)
  if [ "$free" -lt "$needed" ]; then
    prune
    free=$(free_mb)
  fi
  [ "$free" -ge "$needed" ] || fail "no room for a set: $free MB are free in the folder of the backups, $needed MB are needed"
}

free_mb() { df --block-size=M --output=avail "$BACKUPS" | tr -dc 0-9; }

new_photos_mb() { # previous set or ""
  comm -23 <(cd "$MEDIA" && find . -type f | sort) <(cd "${1:-/nonexistent}/media" 2>/dev/null && find . -type f | sort) |
    (cd "$MEDIA" && tr '\n' '\0' | du -cm --files0-from=-) | tail -n 1 | cut -f1
}

# Copies the photos that the set lacks. A photo's name depends on its content, so existing ones are the same.
copy_media() { cp -R --preserve=mode,timestamps --no-clobber "$MEDIA/." "$1/media/"; }

make_set() {
  # Only one at a time: a nightly backup and that of a deploy may coincide.
  exec 9>"$BACKUPS/.lock"
  flock --wait 1800 9 || fail "another backup has not ended within half an hour"
  name=$(date -u +%FT%H%M%SZ)
  new="$BACKUPS/.partial-$name"
  trap 'rm -rf "$new"' EXIT # a failed set leaves nothing behind
  previous=$(sets | sed -n 1p)
  movements=$(ask 'select count(*) from api_stockmovement') || fail "the database has no tables of Easy Box"
  rm -rf "$BACKUPS"/.partial-*
  check_room "$previous"
  mkdir -p "$new/media"
  if [ -n "$previous" ] && [ -d "$previous/media" ]; then
    # Without the owner: a set that was copied from another server may have another one.
    cp -R --link --no-dereference --preserve=mode,timestamps "$previous/media/." "$new/media/"
    # New sets leave out photos that no longer exist.
    (cd "$new/media" && find . -type f) | while read -r file; do
      [ -e "$MEDIA/$file" ] || rm -f "$new/media/$file"
    done
  fi
  named=$(named_photos)
  # Copy photos before and after the dump: each photo that the dump names existed then, so one of the copies has it.
  copy_media "$new"
  pg_dump --format=custom --compress=6 --no-owner --no-privileges --file="$new/database.dump"
  copy_media "$new"
  check_rows "$new" "$movements"
  check_photos "$new" "$named"
  printf '{"name":"%s","made_by":"%s","postgresql":"%s","photos":%d}\n' "$name" "${VERSION:-unknown}" \
    "$(ask 'show server_version')" "$(find "$new/media" -type f | wc -l)" >"$new/manifest.json"
  write_sums "$new"
  compare_with "$previous" "$new"
  sync
  mv "$new" "$BACKUPS/$name"
  trap - EXIT
  say "made $BACKUPS/$name: $(du -sh "$BACKUPS/$name" | cut -f1), $(wc -l <"$BACKUPS/$name/SHA256SUMS") files"
  prune
}

# Reads the whole dump. Fails unless it has every table, rows of each table that has rows, and all movements that there
# were before it (a movement is never deleted).
check_rows() { # set, movements before the dump
  local table rows
  declare -A dumped=()
  while read -r table rows; do dumped[$table]=$rows; done < <(
    pg_restore --data-only --file=- "$1/database.dump" |
      awk '/^COPY public\./ { sub("public.", "", $2); gsub("\"", "", $2); table = $2; start = NR }
           /^\\\.$/ { print table, NR - start - 1 }'
  )
  for table in $(ask "select tablename from pg_tables where schemaname = 'public'"); do
    [ -n "${dumped[$table]:-}" ] || fail "the set lacks the table $table"
    [ "${dumped[$table]}" != 0 ] || [ "$(ask "select count(*) from (select 1 from \"$table\" limit 1) t")" = 0 ] ||
      fail "the set has no rows of the table $table"
  done
  [ "${dumped[api_stockmovement]}" -ge "$2" ] || fail "the set has ${dumped[api_stockmovement]} of $2 movements"
}

named_photos() {
  [ "${MEDIA_STORAGE:-folder}" != folder ] ||
    ask "select unnest(array[image, thumbnail]) from api_product where image <> '' order by 1"
}

# Fails unless the set has every photo that products had before the dump and have now.
check_photos() { # set, names before the dump
  local missing now
  now=$(named_photos)
  missing=$(comm -12 <(sort <<<"$2") <(sort <<<"$now") | while read -r file; do
    [ -z "$file" ] || [ -f "$1/media/$file" ] || printf '%s ' "$file"
  done)
  [ -z "$missing" ] || fail "the set lacks photos that products have: $(wc -w <<<"$missing"), such as ${missing%% *}"
}

# A shared photo that the disk has damaged is damaged in every set: copy it again from the media folder.
compare_with() { # previous set or "", new set
  [ -n "$1" ] && [ -s "$1/SHA256SUMS" ] || return 0
  changed=$(awk 'NR == FNR { sum[$2] = $1; next } $2 ~ /^\.\/media\// && ($2 in sum) && sum[$2] != $1 { print $2 }' \
    "$1/SHA256SUMS" "$2/SHA256SUMS")
  [ -n "$changed" ] || return 0
  say "damaged in the previous set, copied again: $changed"
  for file in $changed; do
    rm -f "${2:?}/$file"
    cp --preserve=mode,timestamps "$MEDIA/${file#./media/}" "$2/$file"
  done
  write_sums "$2"
}

# Keeps all sets of the last two days, then the newest set of each of 7 days, 4 weeks and 6 months.
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

verify() {
  [ -s "$1/SHA256SUMS" ] || fail "$1 is not a complete set: it has no SHA256SUMS"
  (cd "$1" && sha256sum --check --quiet --strict SHA256SUMS) || fail "$1 is damaged"
  pg_restore --list "$1/database.dump" >/dev/null || fail "$1/database.dump can't be read"
  say "$1 is complete: $(wc -l <"$1/SHA256SUMS") files"
}

restore() {
  verify "$1"
  tables=$(ask "select count(*) from pg_tables where schemaname = 'public'")
  [ "$tables" = 0 ] || fail "the database has $tables tables: a set is restored into an empty one only"
  [ -z "$(ls -A "$MEDIA")" ] || fail "the media folder is not empty: a set is restored into an empty one only"
  pg_restore --exit-on-error --single-transaction --no-owner --no-privileges --dbname="$PGDATABASE" "$1/database.dump"
  cp -a "$1/media/." "$MEDIA/"
  chown -R "$MEDIA_OWNER" "$MEDIA"
  (cd "$MEDIA" && sed -n 's,  \./media/,  ./,p' "$1/SHA256SUMS" | sha256sum --check --quiet --strict) ||
    fail "photos differ from the set"
  say "restored $1: $(ask "select count(*) from pg_tables where schemaname = 'public'") tables, $(find "$MEDIA" -type f | wc -l) photos"
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
