# shellcheck shell=bash
# Shared by the scripts of this folder. Sourced, not run.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BACKEND=$ROOT/easy_box_backend
ENV_FILE=$BACKEND/.env
# What is kept between deploys: the lock, the releases that served, logs.
STATE=$ROOT/var/deploy

say() { printf '==> %(%T)T %s\n' -1 "$*"; }
# fail TEXT [RUSSIAN]: writes both texts to the log and exits. One of them goes on to Telegram (`why` in report.sh), and the
# first one to the workflow's log. So they must contain no secret, no data and no output of a tool.
fail() {
  printf 'FAILED: %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf 'НЕУДАЧА: %s\n' "$2" >&2
  exit 1
}

# Fails unless the user owns the checkout: files of another owner, such as root, would break the next deploy.
as_owner() { [ -O "$BACKEND" ] || fail "run it as $(stat --format %U "$BACKEND"), the owner of $ROOT"; }

# Docker Compose on the production stack, from any folder. The settings are those of docker-compose.prod.yml.
compose() { docker compose --project-directory "$BACKEND" -f "$BACKEND/docker-compose.prod.yml" "$@"; }
# As `compose`, with the services that run only during a deploy.
compose_deploy() { compose -f "$BACKEND/docker-compose.deploy.yml" "$@"; }

# Runs a manage.py command in a container of its own; only the database must run.
manage() { compose run --rm --no-deps -T migrate python manage.py "$@"; }

# --- Settings -----------------------------------------------------------------------------------------------------
# setting NAME [DEFAULT]: the value as Compose reads it: the environment comes before .env. Only for values of one line.
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

# --- What runs ----------------------------------------------------------------------------------------------------
# Ask Docker where possible: it answers many times faster than Compose.
containers() { # service, template, [options of docker ps]: running containers, without those of `compose run`
  docker ps --filter "label=com.docker.compose.project=$(stack)" --filter "label=com.docker.compose.service=$1" \
    --filter label=com.docker.compose.oneoff=False --format "$2" "${@:3}"
}
container() { containers "$1" '{{.ID}}' | sed -n 1p; }

# Whether a service runs with the configuration of this checkout's compose file and settings, in all its containers.
HASHES=
up_to_date() { # service
  local wanted found
  [ -n "$HASHES" ] || HASHES=$(compose config --hash '*')
  wanted=$(sed -n "s/^$1 //p" <<<"$HASHES")
  found=$(containers "$1" '{{.Label "com.docker.compose.config-hash"}}' | sort -u)
  [ -n "$wanted" ] && [ "$found" = "$wanted" ]
}

# `address` and `edge`: the address of nginx, and its URL, for requests from this machine.
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

# shellcheck source=deploy/releases.sh
. "$ROOT/deploy/releases.sh"
