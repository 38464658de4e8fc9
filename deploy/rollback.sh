#!/usr/bin/env bash
# The release before this one again, or the one that is named. Data stays as it is: tables only ever grow within a
# release, so the one before runs on them too.
#
#   deploy/rollback.sh [SHA]
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"

sha=${1:-}
if [ -z "$sha" ]; then
  now=$(running_release)
  sha=$(releases | grep -vx "${now:-none}" | sed -n 1p) || fail "no release ran before ${now:-this}: name one, or see deploy/status.sh"
fi
if ! [[ $sha =~ ^[0-9a-f]{40}$ ]]; then
  echo "Usage: deploy/rollback.sh [SHA]     (SHA: 40 hex digits)" >&2
  exit 2
fi
run_guarded rollback "$sha"
