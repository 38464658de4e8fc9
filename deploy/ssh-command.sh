#!/usr/bin/env bash
# Runs the commands that the workflow's key may run, and no others. sshd starts this script in place of the command that the
# client has sent (authorized_keys, `setup-server.sh --ci-key`). So a stolen key opens no shell and no tunnel. It can still
# deploy.
set -euo pipefail

deploy=$(dirname "$(readlink -f "$0")")
asked=${SSH_ORIGINAL_COMMAND:-}
case $asked in
  "test -x easy_box/deploy/deploy.sh") exec test -x "$deploy/deploy.sh" ;;
  easy_box/deploy/write-env.sh | easy_box/deploy/status.sh) exec "$deploy/${asked##*/}" ;;
esac
if [[ $asked =~ ^easy_box/deploy/deploy\.sh\ ([0-9a-f]{40})\ (https?://[A-Za-z0-9._:/-]+)$ ]]; then
  exec "$deploy/deploy.sh" "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
fi
echo "This key may only deploy: write-env.sh, deploy.sh SHA LINK, status.sh." >&2
exit 126
