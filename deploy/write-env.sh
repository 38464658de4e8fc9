#!/usr/bin/env bash
# Reads new settings and secrets from standard input, so that they appear in no command line and no log. The next
# deploy.sh puts them into use, or discards them if it fails.
#
#   deploy/write-env.sh <settings            NAME=value, one per line; # begins a comment
#   printf '%s=%s\0' … | deploy/write-env.sh if there is a NUL byte, each record ends with one, and a value may contain
#                                            any character, newlines too
#
# They go to the end of easy_box_backend/.env, below a marker line; the lines above it stay. An empty value means "not
# given". The names: deploy/README.md
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"
as_owner
umask 077

BEGIN='# --- Written by deploy/write-env.sh: what you change below is lost. Your own lines belong above. ---'
declare -A values=()
names=()

take() { # NAME=value
  local name=${1%%=*} value=${1#*=}
  [[ $1 == *=* && $name =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]] || fail "a record is not NAME=value" # not shown: it may be a secret
  [ -n "$value" ] || return 0
  [ -n "${values[$name]+there}" ] || names+=("$name")
  values[$name]=$value
}

read_records() {
  local record line
  if IFS= read -r -d '' record; then
    take "$record"
    while IFS= read -r -d '' record; do take "$record"; done
    [ -z "$record" ] || take "$record"
  else
    while IFS= read -r line; do
      line=${line%$'\r'}
      [[ $line =~ ^[[:space:]]*(#|$) ]] || take "$line"
    done <<<"$record"
  fi
}

# Quotes a value for Compose: in '…' only \' is special, but a backslash before a quote can't be written there.
quoted() {
  local value=$1
  if [[ $value == *\\* ]]; then
    value=${value//\\/\\\\} value=${value//\"/\\\"}
    printf '"%s"' "${value//\$/\\\$}"
  else
    printf "'%s'" "${value//\'/\\\'}"
  fi
}

# Whether one of the names is given now or in the operator's own lines.
has() {
  local name
  for name in "$@"; do
    [ -z "${values[$name]:-}" ] && ! grep -qE "^(export +)?$name=." <<<"$own" || return 0
  done
  return 1
}

validate() {
  local missing=()
  has SECRET_KEY SECRET_KEY_FILE || missing+=("SECRET_KEY")
  has ALLOWED_HOSTS || missing+=("ALLOWED_HOSTS")
  has POSTGRES_PASSWORD POSTGRES_PASSWORD_FILE || missing+=("POSTGRES_PASSWORD")
  [ ${#missing[@]} = 0 ] || fail "missing: ${missing[*]}. Nothing was changed."
  [ ${#values[SECRET_KEY]} -ge 50 ] || ! has SECRET_KEY || [ -z "${values[SECRET_KEY]:-}" ] ||
    fail "SECRET_KEY has less than 50 characters. Nothing was changed."
  # It becomes a part of DATABASE_URL, where other characters have a meaning.
  [[ ! ${values[POSTGRES_PASSWORD]:-} =~ [^A-Za-z0-9._~-] ]] || [ -n "${values[DATABASE_URL]:-}" ] ||
    fail "POSTGRES_PASSWORD may have letters, digits and . _ ~ - only (openssl rand -hex 24). Nothing was changed."
}

read_records
own=$([ ! -f "$ENV_FILE" ] || sed "/^# --- Written by deploy\/write-env.sh/,\$d" "$ENV_FILE")
if [ -z "${values[IMAGE]:-}" ] && [ -n "${values[DOCKER_USERNAME]:-}" ] && ! grep -q '^IMAGE=.' <<<"$own"; then
  values[IMAGE]=${values[DOCKER_USERNAME]}/easybox-backend
  names+=(IMAGE)
fi
validate

if [ -n "${values[DOCKER_PASSWORD]:-}" ] && [ -n "${values[DOCKER_USERNAME]:-}" ]; then
  registry=${values[IMAGE]%%/*}
  [[ $registry == *[.:]* ]] || registry=
  # shellcheck disable=SC2086 # no registry: no argument
  docker login --username "${values[DOCKER_USERNAME]}" --password-stdin $registry >/dev/null 2>&1 <<<"${values[DOCKER_PASSWORD]}" ||
    fail "docker login was refused: DOCKER_USERNAME, DOCKER_PASSWORD. Nothing was changed."
fi

half=$(mktemp "$ENV_FILE.XXXXXX")
trap 'rm -f "$half"' EXIT
{
  [ -z "$own" ] || printf '%s\n' "$own"
  printf '%s\n' "$BEGIN"
  for name in "${names[@]}"; do
    case $name in
      # DOCKER_… are for `docker login` only; deploy.sh writes VERSION.
      DOCKER_USERNAME | DOCKER_PASSWORD | VERSION) ;;
      *) printf '%s=%s\n' "$name" "$(quoted "${values[$name]}")" ;;
    esac
  done
} >"$half"
mv "$half" "$ENV_FILE.next"
say "The next deploy uses these ${#names[@]} values: ${names[*]}"
