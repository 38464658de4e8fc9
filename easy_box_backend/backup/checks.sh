# shellcheck shell=bash
# What must hold before and after a set is made, or it is a failure. Sourced by backup.sh.

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
