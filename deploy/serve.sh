#!/usr/bin/env bash
# Called by steps.sh and guarded.sh: makes the running stack match this checkout, .env and VERSION, without a failed
# request. Services that match already are not restarted.
#
#   VERSION=<SHA> serve.sh
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"

# All services but `migrate`, which would run again.
services() { compose config --services | grep -vx migrate; }

# Makes a few calls that need no login and write nothing. The trial has made all the others.
check() {
  local path tries
  for tries in {1..4}; do # enough to reach both backends
    ask /api/health/ | grep -F "\"$VERSION\"" >/dev/null || no_answer "the server does not answer as $VERSION (try $tries)"
  done
  [ "$(ask /api/products/ --header 'Authorization: Token null' --output /dev/null --write-out '%{http_code}')" = 401 ] ||
    no_answer "a request without a token is not answered by 401"
  # With a certificate nginx redirects people to HTTPS. curl follows to this machine, whatever host the redirect names.
  path=$(ask /login/ --location --insecure --connect-to "::$(address):" | grep -oE '/static/[^"]+\.css' | sed -n 1p) || no_answer "the desk's login page is not there"
  ask "$path" --fail --output /dev/null || no_answer "the desk's static files are not there"
}
no_answer() { fail "$1" "сервер отвечает не так, как должен"; }

if [ -n "$(container nginx)" ]; then
  # The worker and the backup service are replaced meanwhile, a little later so as not to slow the first backend down.
  (sleep 4 && compose up --detach --no-deps --wait --wait-timeout "$(setting HEALTHY_SECONDS 90)" worker backup) &
  others=$!
  "$ROOT/deploy/replace-backends.sh"
  wait "$others" || fail "worker or backup did not become healthy" "не запускается (worker или backup)"
else
  say "Starting the backends"
  compose up --detach --no-deps --wait db backend || fail "the backends did not become healthy" "не запускается (db или backend)"
fi
say "Starting the other services"
# shellcheck disable=SC2046 # words
compose up --detach --no-deps --wait --wait-timeout "$(setting HEALTHY_SECONDS 90)" --remove-orphans $(services) ||
  fail "a service did not become healthy" "одна из служб не запускается"
say "Checking what is served"
check
