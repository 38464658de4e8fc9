#!/usr/bin/env bash
# A release into production, proven first; or, if anything goes wrong, everything as it was.
#
#   deploy/deploy.sh SHA [LINK]     SHA: the commit (40 hex digits), whose image is IMAGE:SHA; LINK: for the message
#
# It goes on if the connection breaks, and goes back upon Ctrl-C or a signal. What it ends with: deploy/README.md
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"

if ! [[ ${1:-} =~ ^[0-9a-f]{40}$ ]] || [ $# -gt 2 ]; then
  echo "Usage: deploy/deploy.sh SHA [LINK]     (SHA: 40 hex digits)" >&2
  exit 2
fi
run_guarded deploy "$@"
