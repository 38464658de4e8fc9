#!/usr/bin/env bash
# Chooses the commit of this run. Outputs of the step: sha, and build (false if the commit was chosen by hand: its image
# exists already). CHOSEN: what a person typed, at least seven characters of a commit's SHA; may be empty.
set -euo pipefail

sha=$GITHUB_SHA
build=true
if [ -n "${CHOSEN:-}" ]; then
  if ! [[ $CHOSEN =~ ^[0-9a-f]{7,40}$ ]] || ! sha=$(git rev-parse --verify --quiet "$CHOSEN^{commit}"); then
    echo "::error::There is no such commit. Take one from the list of earlier runs."
    exit 1
  fi
  if ! git merge-base --is-ancestor "$sha" "$GITHUB_SHA"; then
    echo "::error::$sha is not a commit of $GITHUB_REF_NAME, so it was never released from there."
    exit 1
  fi
  build=false
fi
echo "Release $sha, build: $build"
printf 'sha=%s\nbuild=%s\n' "$sha" "$build" >>"$GITHUB_OUTPUT"
