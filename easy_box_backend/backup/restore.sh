# shellcheck shell=bash
# Checks a set, and restores it. Sourced by backup.sh.

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
  [ "${MEDIA_STORAGE:-folder}" != folder ] || [ -z "$(ls -A "$MEDIA")" ] ||
    fail "the media folder is not empty: a set is restored into an empty one only"
  pg_restore --exit-on-error --single-transaction --no-owner --no-privileges --dbname="$PGDATABASE" "$1/database.dump"
  ask "analyze" >/dev/null # until PostgreSQL knows the tables' sizes, it can choose plans that read all of a large one
  if [ "${MEDIA_STORAGE:-folder}" != folder ]; then
    say "restored $1: the database. Photos are in the storage that MEDIA_STORAGE names, those of the set stay in it"
    return
  fi
  cp -a "$1/media/." "$MEDIA/"
  chown -R "$MEDIA_OWNER" "$MEDIA"
  (cd "$MEDIA" && sed -n 's,  \./media/,  ./,p' "$1/SHA256SUMS" | sha256sum --check --quiet --strict) ||
    fail "photos differ from the set"
  say "restored $1: $(ask "select count(*) from pg_tables where schemaname = 'public'") tables, $(find "$MEDIA" -type f | wc -l) photos"
}
