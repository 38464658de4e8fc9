# shellcheck shell=bash
# Shared by the scripts of this folder. Sourced, not run.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BACKEND=$ROOT/easy_box_backend
ENV_FILE=$BACKEND/.env
# What is kept between deploys: the lock, the releases that served, logs.
STATE=$ROOT/var/deploy

say() { printf '==> %(%T)T %s\n' -1 "$*"; }
# The text goes to Telegram and the workflow's log, so it must contain no secret, no data and no output of a tool.
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

# Files of another owner, such as root, would break the next deploy.
as_owner() { [ -O "$BACKEND" ] || fail "run it as $(stat --format %U "$BACKEND"), the owner of $ROOT"; }

# Docker Compose on the production stack, from any folder. The settings are those of docker-compose.prod.yml.
compose() { docker compose --project-directory "$BACKEND" -f "$BACKEND/docker-compose.prod.yml" "$@"; }

# Runs a manage.py command in a container of its own; only the database must run.
manage() { compose run --rm --no-deps -T migrate python manage.py "$@"; }

# --- Settings -----------------------------------------------------------------------------------------------------
# setting NAME [DEFAULT]: the value as Compose sees it: the environment comes before .env. Values of one line only.
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

# secret NAME: its value, or the content of the file NAME_FILE, which is a path inside a container.
secret() {
  local value file
  value=$(setting "$1")
  file=$(setting "$1_FILE")
  [ -n "$value" ] || [ -z "$file" ] || value=$(cat "$(folder SECRETS_DIR secrets)/${file##*/}" 2>/dev/null || true)
  printf '%s' "$value"
}

# folder NAME DEFAULT: a setting that is a folder. Relative paths are in easy_box_backend, as for Compose.
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

# The release that serves: VERSION in .env. A deploy changes it last, so a reboot or an `up` by hand starts the same
# release. Empty if none was deployed yet.
running_release() { (unset VERSION && setting VERSION); }

write_release() { # SHA
  local rest=
  [ ! -f "$ENV_FILE" ] || rest=$(sed '/^VERSION=/d' "$ENV_FILE")
  (umask 077 && printf 'VERSION=%s\n%s\n' "$1" "$rest" >"$ENV_FILE.half") && mv "$ENV_FILE.half" "$ENV_FILE"
}

# The releases that served, without repetition, the latest first.
releases() { [ ! -f "$STATE/releases" ] || tac "$STATE/releases" | awk '!seen[$1]++ { print $1 }'; }

# --- What runs ----------------------------------------------------------------------------------------------------
# Ask Docker where possible: it answers many times faster than Compose.
containers() { # service, template: running containers, without those of `compose run`
  docker ps --filter "label=com.docker.compose.project=$(stack)" --filter "label=com.docker.compose.service=$1" \
    --filter label=com.docker.compose.oneoff=False --format "$2"
}
container() { containers "$1" '{{.ID}}' | sed -n 1p; }

# Whether a service runs with the configuration of this checkout's compose file and settings.
HASHES=
up_to_date() { # service
  local wanted
  [ -n "$HASHES" ] || HASHES=$(compose config --hash '*')
  wanted=$(sed -n "s/^$1 //p" <<<"$HASHES")
  [ -n "$wanted" ] && containers "$1" '{{.Label "com.docker.compose.config-hash"}}' | grep -x "$wanted" >/dev/null
}

# The address of nginx, and its URL, for requests from this machine.
address() {
  local bind
  bind=$(setting HTTP_BIND 127.0.0.1)
  printf '%s' "${bind/#0.0.0.0/127.0.0.1}"
}
edge() { printf 'http://%s:%s' "$(address)" "$(setting HTTP_PORT 80)"; }

# A host name that the server accepts.
host_name() {
  local first
  first=$(setting ALLOWED_HOSTS localhost)
  first=${first%%,*} first=${first// /} first=${first#.}
  printf '%s' "${first/#\*/localhost}"
}

# ask PATH [curl's options]: the answer of the running server, through nginx.
ask() {
  local path=$1
  shift
  curl --silent --max-time 15 --header "Host: $(host_name)" "$@" "$(edge)$path"
}

# --- Under guard ----------------------------------------------------------------------------------------------------
# Runs guarded.sh in a session of its own, so that it continues if the SSH connection breaks, and shows its log.
# Ctrl-C or a signal to this script makes guarded.sh restore the previous release.
run_guarded() { # deploy|rollback SHA [LINK]
  local log guard code=0 shown='^(==>|FAILED)'
  as_owner
  (umask 077 && mkdir -p "$STATE/logs")
  log=$STATE/logs/$(date -u +%FT%H%M%SZ)-$$-$1.log
  (umask 077 && : >"$log")
  LOG=$log setsid "$ROOT/deploy/guarded.sh" "$@" >"$log" 2>&1 </dev/null &
  guard=$!
  trap 'kill -TERM "$guard" 2>/dev/null || true' INT TERM
  # The output of tools may contain data of the shop, so only a person at a terminal sees it.
  if [ -t 1 ]; then shown=; fi
  tail --pid="$guard" --sleep-interval=0.3 -n +1 -f "$log" | grep --line-buffered -E "$shown" &
  while kill -0 "$guard" 2>/dev/null; do
    wait "$guard" && code=0 || code=$?
  done
  wait || true
  [ "$code" = 0 ] || say "The whole log: $log"
  find "$STATE/logs" -name '*.log' -mtime +90 -delete
  return "$code"
}
