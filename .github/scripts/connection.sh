# shellcheck shell=bash
# The SSH connection to the server. Sourced by server.sh.

FOLDER=${RUNNER_TEMP:?}/easybox-ssh # the runner empties this folder after each job
PROJECT=easy_box                     # in the home folder of SERVER_USER (deploy/setup-server.sh)

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
