#!/usr/bin/env bash
# Makes a backup set of the database and all photos in BACKUP_DIR (easy_box_backend/backups).
#
#   deploy/backup.sh            make a set, remove sets that are too old
#   deploy/backup.sh offsite    send the newest set off-site now (COMPOSE_PROFILES=offsite sends each new one by itself)
#   deploy/backup.sh list       list the sets, newest first
#   deploy/backup.sh verify SET check that a set is complete (SET: its name, or latest)
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"

if [ "${1:-}" = offsite ]; then
  compose run --rm --no-deps -T offsite now
else
  compose run --rm --no-deps -T backup "${@:-now}"
fi
