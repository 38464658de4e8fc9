# shellcheck shell=bash
# Runs commands in process groups of their own. Sourced by guarded.sh.

# Runs a command in a process group of its own, so that a signal to us ends all of it. Returns whether it succeeded.
ended= # yes: a signal has been received
watched() {
  local child code=0
  [ -z "$ended" ] || return 143
  set -m
  (trap - TERM INT && "$@") &
  child=$!
  set +m
  while kill -0 "$child" 2>/dev/null; do
    wait "$child" && code=0 || code=$?
    if [ -n "$ended" ]; then
      end_group "$child"
      code=143
    fi
  done
  end_group "$child" # background processes that it has left
  [ "$code" = 0 ]
}

end_group() {
  local tries
  kill -TERM -- "-$1" 2>/dev/null || return 0
  for tries in {1..100}; do
    kill -0 -- "-$1" 2>/dev/null || return 0
    sleep 0.3
  done
  say "Still running after $((tries * 3 / 10)) s: killed"
  kill -KILL -- "-$1" 2>/dev/null || true
}
