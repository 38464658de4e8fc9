#!/usr/bin/env bash
# One backup set now: the database and all photos, into BACKUP_DIR (easy_box_backend/backups).
#
#   deploy/backup.sh            make a set, remove what is too old
#   deploy/backup.sh list       the sets, newest first
#   deploy/backup.sh verify SET whether a set is whole (SET: its name, or latest)
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"

compose run --rm --no-deps -T backup "${@:-now}"
