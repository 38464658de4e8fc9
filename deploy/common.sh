# shellcheck shell=bash
# What the scripts of this folder share. Sourced, not run.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BACKEND=$ROOT/easy_box_backend
ENV_FILE=$BACKEND/.env
# What deploys remember: the lock, the releases that served, logs.
STATE=$ROOT/var/deploy

say() { printf '==> %(%T)T %s\n' -1 "$*"; }
# Its text is told to Telegram and shown by the workflow, so it holds no secret and no data, nor what a tool has said.
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

# Files of another owner (root's, say) would stop the next deploy.
as_owner() { [ -O "$BACKEND" ] || fail "call it as $(stat --format %U "$BACKEND"), to whom $ROOT belongs"; }

# Docker Compose on the production stack, from wherever we were called. STACK, .env and the rest as in its file.
compose() { docker compose --project-directory "$BACKEND" -f "$BACKEND/docker-compose.prod.yml" "$@"; }

# A manage.py command in a container of its own, which needs nothing but the database.
manage() { compose run --rm --no-deps -T migrate python manage.py "$@"; }

# --- Settings -----------------------------------------------------------------------------------------------------
# setting NAME [DEFAULT]: as Compose sees it, the environment before .env. One line only, which is all we ask for here.
setting() {
  local value=${!1:-}
  if [ -z "$value" ] && [ -f "$ENV_FILE" ]; then
    value=$(sed -nE "s/^(export +)?$1=//p" "$ENV_FILE" | tail -n 1)
    case $value in
      \'*\') value=${value:1:-1} value=${value//"\\'"/"'"} ;;
      \"*\") value=$(sed -E 's/\\(["\\$])/\1/g' <<<"${value:1:-1}") ;;
      *) value=$(sed -E 's/(^| +)#.*//; s/ +$//' <<<"$value") ;;
    esac
  fi
  printf '%s' "${value:-${2:-}}"
}

# secret NAME: its value, or the content of the file that NAME_FILE names as a container sees it.
secret() {
  local value file
  value=$(setting "$1")
  file=$(setting "$1_FILE")
  [ -n "$value" ] || [ -z "$file" ] || value=$(cat "$(folder SECRETS_DIR secrets)/${file##*/}" 2>/dev/null || true)
  printf '%s' "$value"
}

# folder NAME DEFAULT: a setting that is a folder; relative ones lie in easy_box_backend, as for Compose.
folder() {
  local path
  path=$(setting "$1" "$2")
  case $path in
    /*) ;;
    *) path=$BACKEND/${path#./} ;;
  esac
  printf '%s' "$path"
}

image() { setting IMAGE easybox-backend; }
stack() { setting STACK easybox; }

# The release that serves: VERSION in .env, which a deploy changes last, so it is also what a reboot or an
# `up` by hand starts. Nothing if none was deployed yet.
running_release() { (unset VERSION && setting VERSION); }

write_release() { # SHA
  local rest=
  [ ! -f "$ENV_FILE" ] || rest=$(sed '/^VERSION=/d' "$ENV_FILE")
  (umask 077 && printf 'VERSION=%s\n%s\n' "$1" "$rest" >"$ENV_FILE.half") && mv "$ENV_FILE.half" "$ENV_FILE"
}

# Releases that served, the latest first, each once.
releases() { [ ! -f "$STATE/releases" ] || tac "$STATE/releases" | awk '!seen[$1]++ { print $1 }'; }

# --- What runs ----------------------------------------------------------------------------------------------------
# Docker itself is asked where it can be: it answers many times sooner than Compose.
containers() { # service, template: of those that run and are no one-off
  docker ps --filter "label=com.docker.compose.project=$(stack)" --filter "label=com.docker.compose.service=$1" \
    --filter label=com.docker.compose.oneoff=False --format "$2"
}
container() { containers "$1" '{{.ID}}' | sed -n 1p; }

# Whether a service runs, and was made of this checkout's compose file and these settings.
HASHES=
up_to_date() { # service
  local wanted
  [ -n "$HASHES" ] || HASHES=$(compose config --hash '*')
  wanted=$(sed -n "s/^$1 //p" <<<"$HASHES")
  [ -n "$wanted" ] && containers "$1" '{{.Label "com.docker.compose.config-hash"}}' | grep -x "$wanted" >/dev/null
}

# The address where this machine's own requests reach nginx.
edge() {
  local address
  address=$(setting HTTP_BIND 127.0.0.1)
  printf 'http://%s:%s' "${address/#0.0.0.0/127.0.0.1}" "$(setting HTTP_PORT 80)"
}

# A name that the server answers to.
host_name() {
  local first
  first=$(setting ALLOWED_HOSTS localhost)
  first=${first%%,*} first=${first// /} first=${first#.}
  printf '%s' "${first/#\*/localhost}"
}

# ask PATH [curl's options]: the answer of the server that everybody reaches.
ask() {
  local path=$1
  shift
  curl --silent --max-time 15 --header "Host: $(host_name)" "$@" "$(edge)$path"
}

# --- Under guard ----------------------------------------------------------------------------------------------------
# Runs guarded.sh in a session of its own, so that it goes on when the connection to us breaks, and follows it.
# Ctrl-C, or a signal to us, tells it to go back.
run_guarded() { # deploy|rollback SHA [LINK]
  local log guard code=0 shown='^(==>|FAILED)'
  as_owner
  (umask 077 && mkdir -p "$STATE/logs")
  log=$STATE/logs/$(date -u +%FT%H%M%SZ)-$$-$1.log
  (umask 077 && : >"$log")
  LOG=$log setsid "$ROOT/deploy/guarded.sh" "$@" >"$log" 2>&1 </dev/null &
  guard=$!
  trap 'kill -TERM "$guard" 2>/dev/null || true' INT TERM
  # What tools say may hold data of the shop: it stays here, but for a person at a terminal.
  if [ -t 1 ]; then shown=; fi
  tail --pid="$guard" --sleep-interval=0.3 -n +1 -f "$log" | grep --line-buffered -E "$shown" &
  while kill -0 "$guard" 2>/dev/null; do
    wait "$guard" && code=0 || code=$?
  done
  wait || true
  [ "$code" = 0 ] || say "Everything it said: $log"
  find "$STATE/logs" -name '*.log' -mtime +90 -delete
  return "$code"
}
