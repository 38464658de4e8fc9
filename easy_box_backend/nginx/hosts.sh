#!/bin/sh
# Prints the hosts for which nginx passes requests to the backends, as lines for the map $unknown_host of nginx.conf.
# ALLOWED_HOSTS has Django's syntax: names, addresses, .example.com with all its subdomains, * for any host. The hosts of
# DOMAIN and PUBLIC_BASE_URL are known too.
set -eu

public=${PUBLIC_BASE_URL:-}
public=${public#*://} public=${public%%/*}
case $public in
  *]) ;;
  *) public=${public%:*} ;;
esac

echo 'default 1;'
# Any host that is not longer than a name can be.
any='s/^\*$/"~^.{1,300}$" 0;/p'
name='[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*'
address='\[[0-9A-Fa-f:.]+\]'
printf '%s' "${ALLOWED_HOSTS:-*},${DOMAIN:-},$public" | tr -d ' \t\r\n' | tr ',' '\n' | sort -u |
  sed -nE -e "$any" -e "/^(\.?$name|$address)\$/{" -e 's/[].[]/\\&/g' -e 's/^\\\./(.+\\.)?/' \
    -e 's/.*/"~*^&\\.?(:[0-9]+)?$" 0;/p' -e '}'
