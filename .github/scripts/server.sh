#!/usr/bin/env bash
# What the workflow does on the server, over SSH with a pinned host key:
#   connect      from SERVER_HOST, SERVER_PORT (22), SERVER_USER, SSH_PRIVATE_KEY, SERVER_HOST_KEY
#   write-env    passes the SETTINGS that are set, and those in EXTRA_ENV, to deploy/write-env.sh by standard input
#   deploy       deploy/deploy.sh SHA RUN_URL; output reported: true if the server has sent the Telegram message, lost if
#                the connection was lost and the server may still send it
#   disconnect   removes the key
# No secret is printed or passed as an argument of a program.
set -euo pipefail
export LC_ALL=C # so that A-Z matches ASCII letters only
# shellcheck source=.github/scripts/connection.sh
. "$(dirname "$0")/connection.sh"

SETTINGS=(
  IMAGE IMAGE_DIGEST DOCKER_USERNAME DOCKER_PASSWORD SECRET_KEY DATABASE_URL POSTGRES_DB POSTGRES_USER POSTGRES_PASSWORD
  TELEGRAM_BOT_TOKEN TELEGRAM_CHAT_ID TELEGRAM_API_URL ADMIN_LANGUAGE_CODE METRICS_TOKEN ALLOWED_HOSTS PUBLIC_BASE_URL CORS_ALLOWED_ORIGINS
  CSRF_TRUSTED_ORIGINS MEDIA_STORAGE CLOUDINARY_CLOUD_NAME CLOUDINARY_API_KEY CLOUDINARY_API_SECRET
)
LOST=255 # ssh's exit code if the connection failed, not the command

# Records end with a NUL byte, so that a value may contain any character.
write_env() {
  require DOCKER_USERNAME
  local extra=() line
  mapfile -t extra < <(printf '%s\n' "${EXTRA_ENV:-}" | tr -d '\r' | grep -v -e '^#' -e '^ *$')
  for line in "${extra[@]}"; do
    [[ $line =~ ^[A-Z][A-Z0-9_]*= ]] || fail "EXTRA_ENV: a line is not NAME=value."
  done
  records "${extra[@]}" | remote "$PROJECT/deploy/write-env.sh"
}

records() {
  local name
  for name in "${SETTINGS[@]}"; do
    [ -z "${!name:-}" ] || printf '%s=%s\0' "$name" "${!name}"
  done
  [ $# = 0 ] || printf '%s\0' "$@"
}

deploy() {
  [[ ${SHA:-} =~ ^[0-9a-f]{40}$ ]] || fail "SHA is not a commit."
  [[ ${RUN_URL:-} =~ ^https?://[A-Za-z0-9._:/-]+$ ]] || fail "RUN_URL is not an address."
  local code=0
  remote "$PROJECT/deploy/deploy.sh" "$SHA" "$RUN_URL" </dev/null || code=$?
  case $code in
    0 | 1 | 3 | 75) echo reported=true >>"$GITHUB_OUTPUT" ;;
    "$LOST") echo reported=lost >>"$GITHUB_OUTPUT" ;;
  esac
  case $code in
    0) return ;;
    3) fail "The release failed, and going back to the previous one failed too. Look at the server: deploy/status.sh" ;;
    75) fail "Another deploy is running on the server; nothing was done." ;;
    "$LOST") fail "The connection was lost. The server continues by itself and reports to Telegram. See deploy/status.sh there." ;;
    *) fail "The deploy failed (code $code); the previous release still serves. The reason is above." ;;
  esac
}

case ${1:-} in
  connect) connect ;;
  write-env) write_env ;;
  deploy) deploy ;;
  disconnect) rm -rf "$FOLDER" ;;
  *) fail "server.sh connect|write-env|deploy|disconnect" ;;
esac
