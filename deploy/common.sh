# shellcheck shell=bash
# What the scripts of this folder share. Sourced, not run.
set -euo pipefail

BACKEND=$(cd "$(dirname "${BASH_SOURCE[0]}")/../easy_box_backend" && pwd)

say() { printf '==> %s\n' "$*"; }
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

# Docker Compose on the production stack, from wherever we were called. STACK, .env and the rest as in its file.
compose() { docker compose --project-directory "$BACKEND" -f "$BACKEND/docker-compose.prod.yml" "$@"; }

# A manage.py command in a container of its own, which needs nothing but the database.
manage() { compose run --rm --no-deps -T migrate python manage.py "$@"; }
