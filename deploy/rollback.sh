#!/usr/bin/env bash
# Goes back to the previous release, or to the release SHA. The data is kept: migrations only expand the tables
# (dev/expanding.py), so the previous release runs on them.
#
#   deploy/rollback.sh [SHA]     SHA: 40 hex digits
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=deploy/run-guarded.sh
. "$ROOT/deploy/run-guarded.sh"

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
