"""The fast path for `add_stock` of an integration on PostgreSQL. It skips REST framework and most middleware, which
cost more than the addition itself (docs/benchmarks.md).

It handles only ordinary requests, and calls the same action as the view. All others, including every error, go to the
view before anything is written: errors have one source, and without this middleware only the time differs.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import cast

import msgspec
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed, SuspiciousOperation
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError
from django.urls import resolve
from django.utils import timezone
from knox.crypto import hash_token

from api import serializers
from api.actions import stock
from api.actor import Actor
from api.auth.tokens import LAST_SEEN_STEP
from api.errors import DomainError
from api.models import Device, User
from api.rest import answers
from api.rest.error_handler import is_disk_full
from backend import prepared

_PATH = re.compile(r"/api/products/([0-9]{1,18})/add_stock/")
_MOST = 1000  # bytes of a body
_UNUSUAL = ("HTTP_ORIGIN", "HTTP_CONTENT_ENCODING", "HTTP_TRANSFER_ENCODING")
# Only if neither the token's expiry nor the device's last use has to be written.
_CALLER = """
SELECT device.id, device.user_id FROM knox_authtoken token
JOIN api_device device ON device.token_id = token.digest JOIN api_user person ON person.id = device.user_id
WHERE token.digest = %s AND person.is_active AND device.kind = 'integration'
  AND device.last_seen_at > %s AND token.expiry > %s
"""


class Addition(msgspec.Struct, forbid_unknown_fields=True):
    quantity: int


_body = msgspec.json.Decoder(Addition)


class ExpressLane:
    """Runs inside the request log and outside all other middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if connection.vendor != "postgresql":
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method == "POST" and (path := _PATH.fullmatch(request.path_info)):
            answer = add_stock(request, int(path[1]), at=timezone.now())
            if answer is not None:
                return answer
        return self.get_response(request)


def add_stock(request: HttpRequest, product_id: int, *, at: datetime) -> HttpResponse | None:
    """The answer to an ordinary addition. None, with nothing written, if the view has to answer."""
    meta = request.META
    scheme, _, key = meta.get("HTTP_AUTHORIZATION", "").partition(" ")
    ordinary = scheme == "Token" and key.isascii() and meta.get("CONTENT_TYPE") == "application/json"
    if not ordinary or any(name in meta for name in _UNUSUAL) or not 0 < length(request) <= _MOST:
        return None
    try:
        request.get_host()
        quantity = _body.decode(request.body).quantity
        by = caller(key, at) if len(request.body) == length(request) else None
        if by is None:
            return None
        movement = stock.receive(product_id, quantity, by=by)
    except (msgspec.DecodeError, UnicodeDecodeError, SuspiciousOperation, UnreadablePostError, DomainError):
        return None
    except OperationalError as error:
        if not is_disk_full(error):
            raise
        return None
    request.__dict__.update(user=by.user, auth=by.device)  # for the request log, like the next line
    request.resolver_match = resolve(request.path_info)
    body = answers.dump(serializers.movement_json(movement))
    found_at = answers.address_of(request, "movement", movement.pk)
    headers = {"Content-Length": str(len(body)), "X-Content-Type-Options": "nosniff", "Location": found_at}
    return HttpResponse(body, content_type="application/json", headers=headers)


def length(request: HttpRequest) -> int:
    """The announced length of the body in bytes; 0 if there is none."""
    announced = request.META.get("CONTENT_LENGTH") or "0"
    return int(announced) if announced.isascii() and announced.isdecimal() else 0


def caller(key: str, at: datetime) -> Actor | None:
    """The integration with this token. None for any other caller, or if the database can't be reached."""
    renewal = settings.TOKEN_TTL - timedelta(seconds=cast(int, settings.REST_KNOX["MIN_REFRESH_INTERVAL"]))
    try:
        row = prepared.one_row(_CALLER, [hash_token(key), at - LAST_SEEN_STEP, at + renewal])
    except OperationalError:
        return None  # the view answers
    if row is None:
        return None
    return Actor(User(pk=row[1]), Device(pk=row[0], user_id=row[1], kind=Device.Kind.INTEGRATION), at=at)
