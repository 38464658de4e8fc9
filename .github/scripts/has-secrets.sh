#!/usr/bin/env bash
# `has-secrets.sh NAME…` checks that these variables are set. It writes `present` (true or false) to the step's output;
# with REQUIRED=true it fails if one is missing. It prints names, never values.
set -euo pipefail

missing=()
for name in "$@"; do
  [ -n "${!name:-}" ] || missing+=("$name")
done

if [ ${#missing[@]} = 0 ]; then
  echo present=true >>"$GITHUB_OUTPUT"
elif [ "${REQUIRED:-}" = true ]; then
  echo "::error::Missing secrets: ${missing[*]} (docs/operations.md says where to get them)"
  exit 1
else
  echo "Not set, so there is nothing to do: ${missing[*]}"
  echo present=false >>"$GITHUB_OUTPUT"
fi
