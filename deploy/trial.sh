#!/usr/bin/env bash
# Called by steps.sh: tries a release before it serves. Starts its image and nginx's files apart from production, on a
# copy of the data, migrates the tables there, and then, as a manager and through nginx, makes every call of the app and
# opens every page of the desk. Production is not changed.
#
#   VERSION=<SHA> trial.sh prepare      start its database
#   VERSION=<SHA> trial.sh run [SET]    the trial; SET: the backup set to copy (without it the tables are empty)
#   VERSION=<SHA> trial.sh clean        remove everything that it has started
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"

set_name=${2:-}
EMAIL=trial@example.invalid
TRIAL_PASSWORD=$(head -c 24 /dev/urandom | base64)
export TRIAL_PASSWORD

# Kill instead of stop, which is slower: no client waits for an answer.
clean() {
  local services=(trial-nginx trial-backend trial-restore trial-db)
  compose_deploy kill "${services[@]}" >/dev/null 2>&1 || true
  compose_deploy rm --force --volumes "${services[@]}" >/dev/null 2>&1 || true
}
# Puts the containers' output into the log on this machine, and fails.
lost() {
  compose_deploy logs --tail 60 --no-log-prefix trial-backend trial-nginx || true
  fail "$@"
}
case $1 in
  prepare)
    clean
    compose_deploy up --detach --no-deps trial-db || true # `run` reports the error
    exit
    ;;
  clean)
    clean
    exit
    ;;
esac

say "Trying the release on ${set_name:+a copy of the data, the set }${set_name:-empty tables}"
compose_deploy up --detach --no-deps --wait trial-db || fail "the trial's database did not start" "не запускается пробная база"
[ -z "$set_name" ] || compose_deploy run --rm --no-deps -T trial-restore \
  --exit-on-error --no-owner --no-privileges --jobs=2 --dbname=trial "/backups/$set_name/database.dump" ||
  fail "the set $set_name can't be restored" "резервная копия не восстанавливается на пробной базе"
# In one process, since starting Django takes seconds.
compose_deploy run --rm --no-deps -T -e DJANGO_SETTINGS_MODULE=backend.settings trial-backend python -c "
import os, django
from django.core.management import call_command
django.setup()
call_command('migrate', interactive=False)
from api.models import User
User.objects.create_user(username='Trial', email='$EMAIL', password=os.environ['TRIAL_PASSWORD'], is_staff=True)
" || fail "its migration fails on a copy of the data" "миграция не выполняется на копии данных"
compose_deploy up --detach --no-deps --wait --wait-timeout "$(setting HEALTHY_SECONDS 90)" trial-backend trial-nginx ||
  lost "it does not become healthy on a copy of the data" "не запускается на копии данных"
as_manager() { # module of proofs/phone/, [its arguments]
  compose_deploy exec -T trial-backend python -m "proofs.phone.$1" --at trial-nginx:8080 --host "$(host_name)" --email "$EMAIL" "${@:2}"
}
as_manager smoke --version "$VERSION" || lost "the app's calls fail on a copy of the data" "вызовы приложения не проходят на копии данных"
as_manager desk || lost "the desk can't be opened on a copy of the data" "страницы рабочего места не открываются на копии данных"
