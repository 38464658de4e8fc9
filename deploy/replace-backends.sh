#!/usr/bin/env bash
# Replaces the two backends one after the other, so that no request fails: nginx stops sending to one (a marker, no
# reload), it finishes what it has begun, the new one takes its place, and only when that is healthy the other's turn
# comes. If the new one does not become healthy, it gets no request, and this ends with an error while the other one
# serves as before. Called again, with the old release or a better one, it begins with the one that is out.
#
#   VERSION=<git SHA> deploy/replace-backends.sh
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"

# nginx asks Docker's name server again every 2 seconds.
NAMES_SECONDS=4

in_nginx() { compose exec -T nginx "$@"; }

order="a b"
if in_nginx test -e /tmp/drain-b; then order="b a"; fi

for name in $order; do
  say "Replacing backend-$name"
  in_nginx touch "/tmp/drain-$name"
  sleep 1 # what nginx has just sent there has arrived
  compose up --detach --no-deps --wait --wait-timeout "${HEALTHY_SECONDS:-90}" "backend-$name" ||
    fail "backend-$name did not become healthy. It gets no requests; the other one serves."
  sleep "$NAMES_SECONDS"
  in_nginx rm -f "/tmp/drain-$name"
done
say "Both backends run ${VERSION:-the release in .env}"
