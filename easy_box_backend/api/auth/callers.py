"""The caller of a request: its address, network, program and connection."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request


def client_address(request: HttpRequest) -> str | None:
    """The caller's IP address. Of `X-Forwarded-For`, only the part that trusted proxies wrote is used.

    None if there is none, as behind a Unix socket without a trusted proxy.
    """
    candidates = [str(request.META.get("REMOTE_ADDR", ""))]
    if settings.TRUSTED_PROXIES:
        hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        candidates = hops[-settings.TRUSTED_PROXIES :][:1] + candidates
    return next(filter(None, map(_address, candidates)), None)


def client_network(request: HttpRequest) -> str:
    """The caller's network: the IPv4 address, or the /64 of an IPv6 address, since one caller can use all of it. "" if
    there is no address."""
    address = ipaddress.ip_address(client_address(request) or "::")
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return "" if address.is_unspecified else str(ipaddress.ip_network((address, 64), strict=False))


def _address(text: str) -> str | None:
    """An IP address in its usual form; None for any other text."""
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None


def user_agent(request: HttpRequest | Request) -> str:
    """The `User-Agent`, without characters that cannot be shown."""
    return "".join(c for c in request.headers.get("User-Agent", "") if c.isprintable())


def connection(request: HttpRequest) -> str:
    """A name of the caller's TCP connection, "" if the proxy does not send one.

    The proxy must close a connection after a 5xx, as nginx/site.conf does: two requests with the same name then had no
    error between them. Without a proxy (development), the name is the client's address and port.
    """
    if settings.TRUSTED_PROXIES:
        return str(request.META.get("HTTP_X_CONNECTION", ""))[:60]
    port = request.META.get("REMOTE_PORT", "")
    return f"{request.META.get('REMOTE_ADDR', '')}:{port}" if port else ""
