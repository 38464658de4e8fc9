#!/usr/bin/env bash
# Called by guarded.sh: the steps that put the release of this checkout into service. If a step fails, guarded.sh restores
# the previous release.
#
#   steps.sh deploy|rollback SHA
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"

export VERSION=$2

preflight() {
  local unset path free wanted
  say "Checking what is needed for $VERSION"
  if ! unset=$(compose config --quiet 2>&1); then
    # Only our own text from docker-compose.prod.yml: the rest may quote a line of .env.
    unset=$(grep -oE 'required variable [A-Z_]+ is missing.*' <<<"$unset" | sed -n 1p || true)
    fail "settings are missing or wrong. $unset" "не хватает настроек или они неверны. $unset"
  fi
  wanted=$(setting DEPLOY_FREE_MB 2000)
  for path in "$(docker info --format '{{.DockerRootDir}}')" "$(folder BACKUP_DIR backups)" "$ROOT"; do
    mkdir -p "$path" 2>/dev/null || true
    free=$(df --block-size=M --output=avail "$path" | tr -dc 0-9)
    [ "$free" -ge "$wanted" ] || fail "the disk is full: $free MB are free at $path, $wanted are wanted (DEPLOY_FREE_MB)" \
      "на диске мало места: свободно $free МБ в $path, нужно $wanted (DEPLOY_FREE_MB)"
  done
  take_image
  compose pull --quiet --policy missing --ignore-buildable || fail "an image of the stack can't be pulled" "не удалось скачать образ базы данных или nginx"
}

# Pulls the image that the workflow has built by its digest, since the tag could have been moved. Without a digest for this
# release (a rollback, a deploy by hand) it pulls by the tag, unless this server has that image already.
take_image() {
  local name digest
  name=$(image)
  digest=$(setting IMAGE_DIGEST)
  if [[ $digest == "$VERSION@sha256:"* ]]; then
    digest=$name@${digest#*@}
    docker image inspect --format '{{join .RepoDigests "\n"}}' "$name:$VERSION" 2>/dev/null | grep -xF "$digest" >/dev/null && return
    say "Pulling $digest"
    { timeout 600 docker pull --quiet "$digest" && docker tag "$digest" "$name:$VERSION"; } ||
      fail "there is no image $digest, or it can't be pulled" "нет образа $digest, или его не удалось скачать"
  elif ! docker image inspect "$name:$VERSION" >/dev/null 2>&1; then
    say "Pulling $name:$VERSION"
    timeout 600 docker pull --quiet "$name:$VERSION" ||
      fail "there is no image $name:$VERSION, or it can't be pulled" "нет образа $name:$VERSION, или его не удалось скачать"
  fi
}

# Makes a backup set before anything changes; the trial uses a copy of it. Without a running release there is no data yet.
backup() {
  [ -n "$(running_release)" ] || return 0
  say "Making a backup"
  # The database is restarted only if this release changes its settings.
  up_to_date db || compose up --detach --no-deps --wait db || no_database
  "$ROOT/deploy/backup.sh" || no_backup
  set_name=$(sed -nE 's/.*"set":"([^"]+)".*/\1/p' "$(folder BACKUP_DIR backups)/status.json")
  [ -n "$set_name" ] || no_backup
}
no_backup() { fail "the backup failed, so nothing was changed" "не удалась резервная копия, ничего не изменено"; }
no_database() { fail "the database did not become healthy" "не запускается (db)"; }

case $1 in
  deploy)
    preflight
    "$ROOT/deploy/trial.sh" prepare & # during the backup
    set_name=''
    backup
    wait
    "$ROOT/deploy/trial.sh" run "$set_name"
    "$ROOT/deploy/trial.sh" clean & # in the background; if a step fails, guarded.sh cleans up
    cleaning=$!
    say "Migrating"
    compose up --detach --no-deps --wait db || no_database
    compose run --rm --no-deps -T migrate || fail "the migration failed on the database itself, though not on its copy" \
      "миграция не выполнилась на рабочей базе, хотя на копии прошла"
    wait "$cleaning" # the next steps need its memory
    ;;
  rollback)
    docker image inspect "$(image):$VERSION" >/dev/null 2>&1 || preflight
    ;;
esac
"$ROOT/deploy/serve.sh"
wait
