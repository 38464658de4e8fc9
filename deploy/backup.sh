#!/usr/bin/env bash
# Makes a backup set of the database and all photos in BACKUP_DIR (easy_box_backend/backups).
#
#   deploy/backup.sh            make a set, remove sets that are too old
#   deploy/backup.sh list       list the sets, newest first
#   deploy/backup.sh verify SET check that a set is complete (SET: its name, or latest)
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"

compose run --rm --no-deps -T backup "${@:-now}"
