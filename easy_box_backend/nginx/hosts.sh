#!/bin/sh
# Prints which hosts nginx lets through to the backends: lines for the map $unknown_host of nginx.conf.
# ALLOWED_HOSTS means what it means to Django: names, addresses, .example.com for all names below it too, * for any.
# Names that we get a certificate for (DOMAIN), and the one that photos are asked for by (PUBLIC_BASE_URL), are known too.
set -eu

public=${PUBLIC_BASE_URL:-}
public=${public#*://} public=${public%%/*}
case $public in
  *]) ;;
  *) public=${public%:*} ;;
esac

echo 'default 1;'
# Any host, but none that is longer than a name can be.
any='s/^\*$/"~^.{1,300}$" 0;/p'
name='[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*'
address='\[[0-9A-Fa-f:.]+\]'
printf '%s' "${ALLOWED_HOSTS:-*},${DOMAIN:-},$public" | tr -d ' \t\r\n' | tr ',' '\n' | sort -u |
  sed -nE -e "$any" -e "/^(\.?$name|$address)\$/{" -e 's/[].[]/\\&/g' -e 's/^\\\./(.+\\.)?/' \
    -e 's/.*/"~*^&\\.?(:[0-9]+)?$" 0;/p' -e '}'
