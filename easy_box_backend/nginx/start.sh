#!/bin/sh
# Starts nginx. Puts a certificate into use as soon as there is one, and again after each renewal.
# The certificate is /certs/fullchain.pem and /certs/privkey.pem, from you or from the service `certbot`.
set -eu

run=/tmp/easybox
mkdir -p "$run"
# A name for this start, so that equal connection numbers of two starts can be told apart.
echo "map \"\" \$boot { default $(date +%s)$$; }" >"$run/boot.conf"
sh /etc/easybox/hosts.sh >"$run/hosts.conf"

# Where people are sent once there is a certificate: its name, or the one that they asked for.
name=${DOMAIN:-}
name=${name%%,*}
port=:${HTTPS_PORT:-443}
[ "$port" != :443 ] || port=
echo "http ${name:-\$host}$port;" >"$run/name.conf"

# Balancers in front: addresses or networks, separated by commas.
[ -z "${BALANCER:-}" ] || printf '%s' "$BALANCER" | tr -d ' ' | tr ',' '\n' | sed 's/.*/set_real_ip_from &;/' >"$run/balancer.conf"

newest() { cat /certs/fullchain.pem /certs/privkey.pem 2>/dev/null | cksum; }

# Puts the certificate into use if it is valid and matches its key; else prints a message and changes nothing.
use_certificate() {
  [ -s /certs/fullchain.pem ] && [ -s /certs/privkey.pem ] || return 1
  mkdir -p "$run/new"
  (umask 077 && cp /certs/fullchain.pem /certs/privkey.pem "$run/new/") || return 1
  echo "events {} pid $run/new/pid; error_log stderr; http { access_log off; client_body_temp_path $run/new/t; proxy_temp_path $run/new/t;
    fastcgi_temp_path $run/new/t; uwsgi_temp_path $run/new/t; scgi_temp_path $run/new/t;
    server { listen 8443 ssl; ssl_certificate $run/new/fullchain.pem; ssl_certificate_key $run/new/privkey.pem; } }" \
    >"$run/new/test.conf"
  if ! nginx -t -q -c "$run/new/test.conf"; then
    echo "start.sh: the certificate in /certs can't be used; HTTPS stays as it was." >&2
    return 1
  fi
  mv "$run/new/fullchain.pem" "$run/new/privkey.pem" "$run/"
  cp /etc/easybox/https.conf "$run/https.conf"
  [ "${DESK_OVER_HTTP:-}" = true ] || echo 'http 1;' >"$run/desk.conf"
}

use_certificate || true
(
  seen=$(newest)
  while sleep "${CERTIFICATE_CHECK_SECONDS:-60}"; do
    now=$(newest)
    [ "$now" != "$seen" ] || continue
    seen=$now
    if use_certificate; then
      nginx -c /etc/easybox/nginx.conf -s reload
      echo "start.sh: a new certificate is in use." >&2
    fi
  done
) &
exec nginx -c /etc/easybox/nginx.conf -g 'daemon off;'
