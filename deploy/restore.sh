#!/usr/bin/env bash
# Restores a backup set into an empty stack, checks the ledger, and starts the stack.
#
#   deploy/restore.sh latest                       the newest set in BACKUP_DIR, the folder that .env names
#   deploy/restore.sh 2026-01-31T023000Z          a set in BACKUP_DIR (easy_box_backend/backups)
#   deploy/restore.sh /media/usb/2026-01-31T023000Z
#   deploy/restore.sh offsite [SNAPSHOT]          for a new server: the newest off-site copy, with .env and the secrets;
#                                                 needs only easy_box_backend/offsite.env
#
# It refuses a database or a media volume that is not empty. To restore into a stack that has data, first back that data
# up (deploy/backup.sh), then remove it:
#   docker compose -f docker-compose.prod.yml down && docker volume rm easybox_database easybox_media
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"

[ $# = 1 ] || [ "${1:-}" = offsite ] || fail "say which set: deploy/restore.sh latest"
if [ "$1" = offsite ]; then
  "$ROOT/deploy/fetch-offsite.sh" "${2:-latest}"
  exec "$ROOT/deploy/restore.sh" latest # of the release that .env names
fi
set_name=$1
if [[ $set_name == */* ]]; then
  [ -d "$set_name" ] || fail "there is no folder $set_name"
  BACKUP_DIR=$(cd "$set_name/.." && pwd)
  export BACKUP_DIR
  set_name=$(basename "$set_name")
fi
began=$SECONDS
mkdir -p "$STATE"
exec 9>>"$STATE/lock"
flock --timeout 2 9 || fail "a deploy or rollback is running: wait for its end"

if [ "$set_name" = latest ]; then
  folder=$(folder BACKUP_DIR backups)
  set_name=$(find "$folder" -mindepth 1 -maxdepth 1 -type d -name '20*Z' -printf '%f\n' | sort | tail -n 1)
  [ -n "$set_name" ] || fail "there is no set in $folder"
fi

say "Starting the database"
compose up --detach --wait db
say "Checking and restoring the set"
compose -f "$BACKEND/docker-compose.restore.yml" run --rm --no-deps -T backup restore "$set_name"
say "Migrating"
compose run --rm --no-deps -T migrate
say "Checking the ledger"
manage check_ledger
say "Beginning a new epoch: phones and programs fetch everything again"
manage begin_epoch
say "Starting the stack"
compose up --detach --wait --remove-orphans
say "Done in $((SECONDS - began)) s: $set_name is restored, the ledger is correct, the stack serves."
