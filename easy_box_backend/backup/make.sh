# shellcheck shell=bash
# Makes a set, and removes old ones. Sourced by backup.sh.

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

# Copies the photos that the set lacks. A photo's name depends on its content, so existing ones are the same.
copy_media() { cp -R --preserve=mode,timestamps --no-clobber "$MEDIA/." "$1/media/"; }

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

write_sums() {
  sums=$(cd "$1" && find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum)
  printf '%s\n' "$sums" >"$1/SHA256SUMS"
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
