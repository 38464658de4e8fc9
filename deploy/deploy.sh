#!/usr/bin/env bash
# Deploys a release after a trial on a copy of the data. If anything fails, the previous release still serves.
#
#   deploy/deploy.sh SHA [LINK]     SHA: the commit (40 hex digits); its image is IMAGE:SHA. LINK: for the message
#
# It continues if the SSH connection breaks. Ctrl-C or a signal restores the previous release.
# Exit codes: deploy/README.md
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=deploy/run-guarded.sh
. "$ROOT/deploy/run-guarded.sh"

if ! [[ ${1:-} =~ ^[0-9a-f]{40}$ ]] || [ $# -gt 2 ]; then
  echo "Usage: deploy/deploy.sh SHA [LINK]     (SHA: 40 hex digits)" >&2
  exit 2
fi
run_guarded deploy "$@"
