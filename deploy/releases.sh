# shellcheck shell=bash
# The list of releases: which one serves now, and which ones did before. Sourced by common.sh.

# The release that serves: VERSION in .env. A deploy changes it last, so a reboot or an `up` by hand starts the same
# release. Empty if none was deployed yet.
running_release() { (unset VERSION && setting VERSION); }

write_release() { # SHA
  local rest=
  [ ! -f "$ENV_FILE" ] || rest=$(sed '/^VERSION=/d' "$ENV_FILE")
  (umask 077 && printf 'VERSION=%s\n%s\n' "$1" "$rest" >"$ENV_FILE.half") && mv "$ENV_FILE.half" "$ENV_FILE"
}

# The releases that served, each once, the latest first.
releases() { [ ! -f "$STATE/releases" ] || tac "$STATE/releases" | awk '!seen[$1]++ { print $1 }'; }

# Adds the release to the list of those that served, the latest last. A rollback removes the later ones: they are bad.
remember() { # deploy|rollback SHA
  local kept=
  if [ "$1" = rollback ] && grep -q "^$2 " "$STATE/releases" 2>/dev/null; then
    kept=$(tac "$STATE/releases" | sed -n "/^$2 /,\$p" | tac)
    printf '%s\n' "$kept" >"$STATE/releases.half"
    mv "$STATE/releases.half" "$STATE/releases"
  else
    printf '%s %s\n' "$2" "$(date -u +%FT%TZ)" >>"$STATE/releases"
  fi
}

# Removes old images. Those of the last three releases stay, for rollback.sh.
prune_images() {
  local kept
  kept=$(releases | sed -n 1,3p)
  docker image ls --format '{{.Tag}}' "$(image)" | grep -E '^[0-9a-f]{40}$' | grep -vxF "$kept" |
    sed "s,^,$(image):," | xargs --no-run-if-empty docker image rm >/dev/null
  # And images without a tag: they were pulled by digest, and their tag has moved to another image since.
  docker image ls --format '{{.Tag}} {{.ID}}' "$(image)" | sed -n 's/^<none> //p' | xargs --no-run-if-empty docker image rm >/dev/null
}
