#!/usr/bin/env bash
# Not called by people: proves a release before anybody's request meets it. Its image and nginx's files are started
# apart from everything else, on a copy of the data; the tables are migrated there, and every call of the app is made
# through nginx. Nothing that serves is touched, and nothing of it is left.
#
#   VERSION=<SHA> trial.sh prepare      start its database
#   VERSION=<SHA> trial.sh run [SET]    the rest; SET: the backup set to copy; none: from nothing
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"

set_name=${2:-}
EMAIL=trial@example.invalid
TRIAL_PASSWORD=$(head -c 24 /dev/urandom | base64)
export TRIAL_PASSWORD

# Killed, since nobody waits for an answer of theirs.
clean() {
  local services=(trial-nginx trial-backend trial-restore trial-db)
  compose --profile trial kill "${services[@]}" >/dev/null 2>&1 || true
  compose --profile trial rm --force --volumes "${services[@]}" >/dev/null 2>&1 || true
}
# What a failed container has said stays in the log on this machine.
lost() {
  compose logs --tail 60 --no-log-prefix trial-backend trial-nginx || true
  fail "$*"
}
if [ "$1" = prepare ]; then
  clean
  compose up --detach --no-deps trial-db || true # `run` sees what is the matter
  exit
fi
trap clean EXIT

say "Trying the release on ${set_name:+a copy of the data, the set }${set_name:-empty tables}"
compose up --detach --no-deps --wait trial-db || fail "the trial's database did not start"
[ -z "$set_name" ] || compose run --rm --no-deps -T trial-restore \
  --exit-on-error --no-owner --no-privileges --jobs=2 --dbname=trial "/backups/$set_name/database.dump" ||
  fail "the set $set_name can't be restored"
compose run --rm --no-deps -T trial-backend sh -ec "python manage.py migrate --no-input
  python manage.py createsuperuser --no-input --username Trial --email $EMAIL" || fail "its migration fails on a copy of the data"
compose up --detach --no-deps --wait --wait-timeout "$(setting HEALTHY_SECONDS 90)" trial-backend trial-nginx ||
  lost "it does not become healthy on a copy of the data"
compose exec -T -e TRIAL_PASSWORD trial-backend python -m phone.smoke --at trial-nginx:8080 --host "$(host_name)" \
  --version "$VERSION" --email "$EMAIL" || lost "the app's calls fail on a copy of the data"
