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

SETTINGS=(
  IMAGE IMAGE_DIGEST DOCKER_USERNAME DOCKER_PASSWORD SECRET_KEY DATABASE_URL POSTGRES_DB POSTGRES_USER POSTGRES_PASSWORD
  TELEGRAM_BOT_TOKEN TELEGRAM_CHAT_ID TELEGRAM_API_URL ADMIN_LANGUAGE_CODE METRICS_TOKEN ALLOWED_HOSTS PUBLIC_BASE_URL CORS_ALLOWED_ORIGINS
  CSRF_TRUSTED_ORIGINS MEDIA_STORAGE CLOUDINARY_CLOUD_NAME CLOUDINARY_API_KEY CLOUDINARY_API_SECRET
)
FOLDER=${RUNNER_TEMP:?}/easybox-ssh # the runner empties this folder after each job
PROJECT=easy_box                     # in the home folder of SERVER_USER (deploy/setup-server.sh)
LOST=255                             # ssh's exit code if the connection failed, not the command

fail() {
  printf '::error::%s\n' "$*"
  exit 1
}

# Fails with the names of the missing variables. Without a host key nothing is connected: any server could answer.
require() {
  local name missing=()
  for name in "$@"; do
    [ -n "${!name:-}" ] || missing+=("$name")
  done
  [ ${#missing[@]} = 0 ] || fail "Missing secrets: ${missing[*]} (docs/operations.md says where to get them)"
}

remote() { ssh -F "$FOLDER/config" server "$@"; }

connect() {
  require SERVER_HOST SERVER_USER SSH_PRIVATE_KEY SERVER_HOST_KEY
  local port=${SERVER_PORT:-22}
  # They become lines of ssh's configuration, so they must not contain line breaks or options.
  [[ $SERVER_HOST =~ ^[A-Za-z0-9][A-Za-z0-9.:_-]*$ ]] || fail "SERVER_HOST is not a host name or an address."
  [[ $SERVER_USER =~ ^[A-Za-z_][A-Za-z0-9_.-]*$ ]] || fail "SERVER_USER is not a valid user name."
  [[ $port =~ ^[0-9]+$ ]] || fail "SERVER_PORT is not a number."

  umask 077
  rm -rf "$FOLDER"
  mkdir -p "$FOLDER"
  printf '%s\n' "$SSH_PRIVATE_KEY" | tr -d '\r' >"$FOLDER/key"
  ssh-keygen -y -P '' -f "$FOLDER/key" >/dev/null 2>&1 ||
    fail "SSH_PRIVATE_KEY is not a private key without a passphrase, from its first line to its last."
  known_hosts >"$FOLDER/known_hosts"
  [ -s "$FOLDER/known_hosts" ] || fail "SERVER_HOST_KEY contains no key. It is the output of: ssh-keyscan -t ed25519 HOST"
  cat >"$FOLDER/config" <<END
Host server
  HostName $SERVER_HOST
  Port $port
  User $SERVER_USER
  IdentityFile "$FOLDER/key"
  IdentitiesOnly yes
  HostKeyAlias server
  UserKnownHostsFile "$FOLDER/known_hosts"
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  UpdateHostKeys no
  BatchMode yes
  ForwardAgent no
  ConnectTimeout 15
  ConnectionAttempts 3
  ServerAliveInterval 15
  ServerAliveCountMax 8
  LogLevel ERROR
END
  # Find a wrong address or key now, before anything is changed.
  remote test -x "$PROJECT/deploy/deploy.sh" </dev/null ||
    fail "The server can't be reached with this host key and key, or deploy/setup-server.sh has not prepared it."
  echo "Connected."
}

# SERVER_HOST_KEY: one or more lines of ssh-keyscan's output, or only "type key". The host name in it does not matter:
# our ssh configuration calls the server "server".
known_hosts() {
  local line
  while read -r line; do
    if [[ $line =~ (ssh-ed25519|ecdsa-sha2-nistp[0-9]+|ssh-rsa)[[:space:]]+([A-Za-z0-9+/=]+) ]]; then
      printf 'server %s %s\n' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
    fi
  done < <(printf '%s\n' "$SERVER_HOST_KEY" | tr -d '\r' | grep -v '^#')
}

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
