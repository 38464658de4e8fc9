#!/usr/bin/env bash
# Replaces the two backends one after the other, so that no request fails. nginx stops sending requests to the first
# (a marker file, no reload), which finishes its requests and is replaced. Once the new one is healthy, the second one
# follows. If the new one does not become healthy, it gets no requests, and the script ends with an error while the other
# one serves. Called again with the old release or a better one, it begins with the backend that gets no requests.
#
#   VERSION=<git SHA> deploy/replace-backends.sh
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"

# nginx resolves the backends' names again every 2 seconds.
NAMES_SECONDS=3

nginx=$(container nginx)
[ -n "$nginx" ] || fail "nginx does not run"
in_nginx() { docker exec "$nginx" "$@"; }

# Runs the container's health check more often than Docker, which runs it every 5 seconds.
wait_for() { # service
  local backend until=$((SECONDS + $(setting HEALTHY_SECONDS 90)))
  until backend=$(container "$1") && docker exec "$backend" python docker/healthcheck.py >/dev/null 2>&1; do
    [ $SECONDS -lt $until ] || return 1
    sleep 0.3
  done
}

order="a b"
if in_nginx test -e /tmp/drain-b; then order="b a"; fi

for name in $order; do
  if ! up_to_date "backend-$name"; then
    say "Replacing backend-$name"
    in_nginx touch "/tmp/drain-$name"
    sleep 0.5 # until the last requests from nginx have arrived
    compose up --detach --no-deps "backend-$name" || fail "backend-$name does not start. It gets no requests; the other one serves."
    known=$((SECONDS + NAMES_SECONDS))
    wait_for "backend-$name" || fail "backend-$name did not become healthy. It gets no requests; the other one serves."
    sleep $((known > SECONDS ? known - SECONDS : 0))
  else
    wait_for "backend-$name" || fail "backend-$name is not healthy. It gets no requests if it was taken out."
  fi
  in_nginx rm -f "/tmp/drain-$name"
done
say "Both backends run ${VERSION:-the release in .env}"
