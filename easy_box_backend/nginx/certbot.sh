#!/bin/sh
# Gets a certificate for DOMAIN (several, separated by commas) and renews it. nginx/start.sh puts it into use.
set -eu
[ -n "${DOMAIN:-}" ] && [ -n "${ACME_EMAIL:-}" ] || {
  echo "certbot: set DOMAIN and ACME_EMAIL." >&2
  exit 1
}
trap 'exit 0' TERM INT
export CERTS="${CERTS:-/certs}"
installer=$(mktemp)

# Copies it to where nginx looks for it, readable only by nginx's user.
cat >"$installer" <<'SCRIPT'
set -eu
umask 077
cp -L "$RENEWED_LINEAGE/privkey.pem" "$CERTS/.privkey.new"
cp -L "$RENEWED_LINEAGE/fullchain.pem" "$CERTS/.fullchain.new"
chown 101:101 "$CERTS/.privkey.new" "$CERTS/.fullchain.new"
mv "$CERTS/.privkey.new" "$CERTS/privkey.pem"
mv "$CERTS/.fullchain.new" "$CERTS/fullchain.pem"
SCRIPT

while :; do
  certbot certonly --non-interactive --agree-tos --keep-until-expiring --webroot --webroot-path "${ACME:-/srv/acme}" \
    --email "$ACME_EMAIL" --domain "$DOMAIN" --deploy-hook "sh $installer" ||
    echo "certbot: no certificate yet; HTTP works as before. The next try is in twelve hours." >&2
  sleep 43200 &
  wait $! || true
done
