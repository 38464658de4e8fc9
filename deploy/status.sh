#!/usr/bin/env bash
# Prints which release runs, the state of its services, and the last deploy. Changes nothing.
# Exit code 1: something needs attention.
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"

good=0
bad() {
  printf 'ATTENTION: %s\n' "$*"
  good=1
}

VERSION=$(running_release)
if [ -z "$VERSION" ]; then
  echo "No release was deployed yet."
  exit 1
fi
export VERSION
printf 'Release:   %s (%s)\n' "$VERSION" "$(git -C "$ROOT" log -1 --format='%s, %cs' "$VERSION" 2>/dev/null || echo unknown)"
printf 'Before it: %s\n' "$(releases | grep -vx "$VERSION" | sed -n 1,2p | paste -sd ' ' || true)"
mkdir -p "$STATE"
if ! flock --nonblock "$STATE/lock" true; then
  echo "A deploy or rollback is running now."
elif [ -e "$STATE/unfinished" ]; then
  bad "the last deploy was killed and left things half done: deploy/rollback.sh $VERSION"
fi
last=$(find "$STATE/logs" -name '*.log' 2>/dev/null | sort | tail -n 1)
[ -z "$last" ] || printf 'Last log:  %s\n           %s\n' "$last" "$(grep -E '^(==>|FAILED)' "$last" | tail -n 1)"

echo
compose ps --all --format 'table {{.Service}}\t{{.Image}}\t{{.Status}}' | grep -v '^migrate' || true
for service in $(compose config --services | grep -vx migrate); do
  [ "$service" != db ] || [ "$(setting OWN_DB 1)" != 0 ] || continue # the database is elsewhere
  state=$(compose ps --all --format '{{.State}} {{.Health}}' "$service" | sort -u | paste -sd ' ')
  [[ $state == "running healthy" || $state == "running " || $state == running ]] || bad "$service: ${state:-does not exist}"
done

echo
ready=$(ask /readyz || true)
printf 'Ready:     %s\n' "${ready:-no answer at $(edge)}"
[[ $ready == *'"ok"'* ]] || bad "the server is not ready"
backup=$(cat "$(folder BACKUP_DIR backups)/status.json" 2>/dev/null || true)
printf 'Backup:    %s\n' "${backup:-none yet}"
[[ $backup == *'"ok":true'* ]] || bad "the last backup failed"
df -h --output=target,avail,pcent "$ROOT" "$(folder BACKUP_DIR backups)" 2>/dev/null | sort -u | sed 's/^/Disk:      /'
exit $good
