#!/usr/bin/env bash
# Called by `restore.sh offsite`: copies a lost server's backup set, .env, secrets and certificates onto this server, and
# checks out its release. Existing files are kept. Needs Docker, this clone, and easy_box_backend/offsite.env.
#
#   deploy/fetch-offsite.sh [SNAPSHOT]
# shellcheck source=deploy/common.sh
. "$(dirname "$0")/common.sh"
as_owner

keys=$BACKEND/offsite.env
[ -s "$keys" ] || fail "there is no easy_box_backend/offsite.env with RESTIC_REPOSITORY and RESTIC_PASSWORD"
restic=$(sed -n 's,^ *image: \(restic/restic:.*\),\1,p' "$BACKEND/docker-compose.optional.yml")
mkdir -p "$STATE"
new=$(mktemp -d "$STATE/offsite.XXXXXX")
trap 'rm -rf "$new"' EXIT

say "Fetching the off-site copy ${1:-latest}"
docker run --rm --network host --user "$(id -u):$(id -g)" --env-file "$keys" --env STATE=/target --volume "$new:/target" \
  --volume "$BACKEND/backup:/usr/local/lib/easybox:ro" --entrypoint sh "$restic" \
  /usr/local/lib/easybox/offsite.sh fetch /target "${1:-latest}" || fail "the off-site copy can't be fetched"

umask 077
if [ -f "$ENV_FILE" ]; then
  say "There is an .env, so that of the copy is left out"
else
  mv "$new/.env" "$ENV_FILE"
  chmod 600 "$ENV_FILE"
fi
for name in SECRETS_DIR:secrets CERTS_DIR:certs BACKUP_DIR:backups; do
  folder=$(folder "${name%:*}" "${name#*:}")
  mkdir -p "$folder"
  [ ! -d "$new/${name#*:}" ] || cp -R --no-clobber --preserve=mode,timestamps "$new/${name#*:}/." "$folder/"
done
chmod 755 "$(folder BACKUP_DIR backups)" # the worker reads status.json there

release=$(running_release)
say "Checking out the release $release"
git -C "$ROOT" cat-file -e "$release^{commit}" 2>/dev/null || git -C "$ROOT" fetch --quiet --tags origin || fail "git can't fetch from origin"
git -C "$ROOT" checkout --quiet --detach "$release" || fail "git can't check out $release"
docker image inspect "$(image):$release" >/dev/null 2>&1 || docker pull --quiet "$(image):$release" ||
  fail "there is no image $(image):$release, or it can't be pulled. A private one needs: docker login"
