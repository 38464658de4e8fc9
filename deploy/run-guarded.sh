# shellcheck shell=bash
# Sourced by deploy.sh and rollback.sh after common.sh.

# Runs guarded.sh in a session of its own, so that it continues if the SSH connection breaks, and shows its log.
# Ctrl-C or a signal to this script makes guarded.sh restore the previous release.
run_guarded() { # deploy|rollback SHA [LINK]
  local log guard code=0 shown='^(==>|FAILED)'
  as_owner
  (umask 077 && mkdir -p "$STATE/logs")
  log=$STATE/logs/$(date -u +%FT%H%M%SZ)-$$-$1.log
  (umask 077 && : >"$log")
  LOG=$log setsid "$ROOT/deploy/guarded.sh" "$@" >"$log" 2>&1 </dev/null &
  guard=$!
  trap 'kill -TERM "$guard" 2>/dev/null || true' INT TERM
  # The output of tools may contain data of the shop, so only a person at a terminal sees it.
  if [ -t 1 ]; then shown=; fi
  tail --pid="$guard" --sleep-interval=0.3 -n +1 -f "$log" | grep --line-buffered -E "$shown" &
  while kill -0 "$guard" 2>/dev/null; do
    wait "$guard" && code=0 || code=$?
  done
  wait || true
  [ "$code" = 0 ] || say "The whole log: $log"
  find "$STATE/logs" -name '*.log' -mtime +90 -delete
  return "$code"
}
