#!/usr/bin/env bash
# Replaces the backends without a failed request:
#
#   1. It starts one more backend, `standby`, with the new release, and waits until it is healthy.
#   2. nginx sends all new requests to standby (by a marker file, without a reload); the backends finish theirs.
#   3. nginx is reloaded if its files have changed.
#   4. The backends are replaced, get the requests again, and standby is removed.
#
# If standby does not become healthy, it is removed, and nothing has changed. If the new backends do not, standby serves,
# and the script ends with an error. Called again, with the old release or a better one, it goes on from there.
#
#   VERSION=<git SHA> deploy/replace-backends.sh
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"

# How long nginx may use old addresses: it resolves the backends' name every 2 seconds.
NAMES_SECONDS=3

nginx=$(container nginx)
[ -n "$nginx" ] || fail "nginx does not run" "не работает nginx"
marker=/tmp/easybox/standby
in_nginx() { docker exec "$nginx" "$@"; }
standby_serves() { in_nginx test -e "$marker"; }

# Waits until the containers of a service are healthy. Runs their health checks more often than Docker, which does it every
# 5 seconds. Starts a container again that Docker was still stopping for an earlier run of this script that was killed.
wait_for() { # service, its compose
  local until=$((SECONDS + $(setting HEALTHY_SECONDS 90)))
  until are_healthy "$1"; do
    [ $SECONDS -lt $until ] || return 1
    [ -z "$(containers "$1" '{{.ID}}' --all --filter status=exited)" ] || "$2" up --detach --no-deps "$1" || return 1
    sleep 0.3
  done
}
are_healthy() { # service
  local one all
  all=$(containers "$1" '{{.ID}}' --all)
  [ -n "$all" ] || return 1
  for one in $all; do docker exec "$one" python docker/healthcheck.py >/dev/null 2>&1 || return 1; done
}

not_healthy() { fail "$1" "не запускается (backend)"; }

remove_standby() { compose_deploy rm --force --stop standby >/dev/null 2>&1 || true; }

start_standby() {
  say "Starting another backend"
  remove_standby # of a run that was killed
  if ! compose_deploy up --detach --no-deps standby || ! wait_for standby compose_deploy; then
    compose_deploy logs --tail 60 --no-log-prefix standby || true
    remove_standby
    not_healthy "backend did not become healthy. It got no requests; the previous release serves."
  fi
  in_nginx touch "$marker"
}

# Reloads nginx if its files have changed since it last read them and are valid.
reload_nginx() {
  # shellcheck disable=SC2016 # expanded in the container
  in_nginx sh -ec '
    now=$(cat /etc/easybox/*.conf | cksum)
    [ "$now" != "$(cat /tmp/loaded 2>/dev/null)" ] || exit 0
    nginx -t -q -c /etc/easybox/nginx.conf
    [ ! -e /tmp/easybox/https.conf ] || cp /etc/easybox/https.conf /tmp/easybox/https.conf
    nginx -c /etc/easybox/nginx.conf -s reload
    echo "$now" >/tmp/loaded' || fail "nginx refuses its files" "nginx не принимает свои файлы"
}

# Earlier releases had the services backend-a and backend-b, and an nginx that knows no standby: its processes end once
# they have closed their connections, within a minute.
replace_former() {
  local former workers
  former=$(containers backend-a '{{.ID}}' && containers backend-b '{{.ID}}')
  [ -n "$former" ] || return 0
  say "Replacing backend-a and backend-b, which earlier releases had"
  workers=$(in_nginx sh -c 'grep -l "^nginx: worker" /proc/[0-9]*/cmdline') || true
  reload_nginx
  # shellcheck disable=SC2016,SC2086 # expanded in the container; words
  in_nginx sh -c 'for one; do while [ -e "$one" ]; do sleep 0.3; done; done' - $workers
  # shellcheck disable=SC2086 # words
  { docker stop -t 40 $former && docker rm $former; } >/dev/null
}

if standby_serves || ! up_to_date backend; then
  standby_serves || start_standby
  replace_former
  reload_nginx
  say "Replacing the backends"
  sleep 0.5 # until the last requests from nginx have arrived
  compose up --detach --no-deps backend || not_healthy "backend does not start. The other one serves."
  known=$((SECONDS + NAMES_SECONDS))
  wait_for backend compose || not_healthy "backend did not become healthy. It gets no requests; the other one serves."
  sleep $((known > SECONDS ? known - SECONDS : 0))
  in_nginx rm -f "$marker"
  sleep 0.5
else
  wait_for backend compose || not_healthy "backend is not healthy"
  reload_nginx
fi
remove_standby
say "The backends run ${VERSION:-the release in .env}"
