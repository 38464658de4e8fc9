#!/usr/bin/env bash
# Are these variables set? `has-secrets.sh NAME…` says so in the step's output `present`; with REQUIRED=true it fails
# if one is missing. Names are printed, never values.
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
