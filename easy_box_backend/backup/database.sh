# shellcheck shell=bash
# The database that DATABASE_URL names. Sourced by backup.sh.

decoded() { # a part of a URL
  local text=${1//\\/\\\\}
  printf '%b' "${text//%/\\x}"
}

# The parts of the URL as libpq's variables: everybody on the host can see a program's arguments.
connect() {
  local url=${DATABASE_URL:-} option options
  [ -z "${DATABASE_URL_FILE:-}" ] || url=$(cat "$DATABASE_URL_FILE")
  local user='([^:@/]*)' password='([^@/]*)' host='(\[[^]]*\]|[^:/?]*)'
  [[ $url =~ ^postgres(ql)?://($user(:$password)?@)?$host(:([0-9]+))?/([^?]+)(\?(.*))?$ ]] ||
    fail "DATABASE_URL is not postgres://user:password@host:5432/name"
  options=${BASH_REMATCH[11]}
  PGUSER=$(decoded "${BASH_REMATCH[3]}") PGPASSWORD=$(decoded "${BASH_REMATCH[5]}") PGPORT=${BASH_REMATCH[8]:-5432}
  PGHOST=$(tr -d '[]' <<<"${BASH_REMATCH[6]}") PGDATABASE=$(decoded "${BASH_REMATCH[9]}")
  export PGUSER PGPASSWORD PGHOST PGPORT PGDATABASE
  for option in ${options//&/ }; do
    case $option in
      sslmode=*) export PGSSLMODE="${option#*=}" ;;
      sslrootcert=*) PGSSLROOTCERT=$(decoded "${option#*=}") && export PGSSLROOTCERT ;;
    esac
  done
}

ask() { psql -AtXc "$1"; }
