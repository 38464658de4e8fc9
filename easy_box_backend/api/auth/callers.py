"""Who calls, as far as the network tells: address, program, connection."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request


def client_address(request: HttpRequest) -> str | None:
    """The caller's address: of `X-Forwarded-For` only the part that our own proxies have written is believed.

    None when there is none, as behind a Unix socket without a trusted proxy.
    """
    candidates = [str(request.META.get("REMOTE_ADDR", ""))]
    if settings.TRUSTED_PROXIES:
        hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        candidates = hops[-settings.TRUSTED_PROXIES :][:1] + candidates
    return next(filter(None, map(_address, candidates)), None)


def client_network(request: HttpRequest) -> str:
    """The caller's network: one address of IPv4; of IPv6 the /64, all of whose addresses one caller can use. "" if
    there is no address."""
    address = ipaddress.ip_address(client_address(request) or "::")
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return "" if address.is_unspecified else str(ipaddress.ip_network((address, 64), strict=False))


def _address(text: str) -> str | None:
    """An IP address in its usual form; None for what is none, since the database refuses it too."""
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None


def user_agent(request: HttpRequest | Request) -> str:
    """The program that calls, as far as it can be stored and shown."""
    return "".join(c for c in request.headers.get("User-Agent", "") if c.isprintable())


def connection(request: Request) -> str:
    """A name of the TCP connection that the caller used, "" if the server in front doesn't tell.

    Whoever stands in front closes a connection behind a 5xx, as nginx/site.conf does: that nothing failed between two
    requests is what this name is for. Without anybody in front (development), the client's port is the name.
    """
    if settings.TRUSTED_PROXIES:
        return str(request.headers.get("X-Connection", ""))[:60]
    port = request.META.get("REMOTE_PORT", "")
    return f"{request.META.get('REMOTE_ADDR', '')}:{port}" if port else ""
