#!/usr/bin/env bash
# A backup set into an empty stack, proven, and the stack started on it.
#
#   deploy/restore.sh latest
#   deploy/restore.sh 2026-01-31T023000Z          a set in BACKUP_DIR (easy_box_backend/backups)
#   deploy/restore.sh /media/usb/2026-01-31T023000Z
#
# It refuses a database or a media volume that is not empty. To go back in a stack that has data, first make a set
# of what is there (deploy/backup.sh), then remove the data:
#   docker compose -f docker-compose.prod.yml down && docker volume rm easybox_database easybox_media
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"

[ $# = 1 ] || fail "say which set: deploy/restore.sh latest"
set_name=$1
if [[ $set_name == */* ]]; then
  [ -d "$set_name" ] || fail "there is no folder $set_name"
  BACKUP_DIR=$(cd "$set_name/.." && pwd)
  export BACKUP_DIR
  set_name=$(basename "$set_name")
fi
began=$SECONDS

if [ "$set_name" = latest ]; then
  folder=${BACKUP_DIR:-$BACKEND/backups}
  set_name=$(find "$folder" -mindepth 1 -maxdepth 1 -type d -name '20*Z' -printf '%f\n' | sort | tail -n 1)
  [ -n "$set_name" ] || fail "there is no set in $folder"
fi

say "Starting the database"
compose up --detach --wait db
say "Checking the set and bringing it back"
compose run --rm --no-deps -T restore restore "$set_name"
say "Bringing the tables up to this release"
compose run --rm --no-deps -T migrate
say "Proving the ledger"
manage check_ledger
say "Beginning a new epoch: phones and programs fetch everything anew"
manage begin_epoch
say "Starting the stack"
compose up --detach --wait --remove-orphans
say "Done in $((SECONDS - began)) s: $set_name is restored, its ledger is right, the stack serves."
