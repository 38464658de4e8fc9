"""The app's most frequent calls as plain Django functions, for every kind of device. `middleware/door.py` calls them
for ordinary requests, and the views of REST framework for all others.

With by.is_app, a request is read against what the phone can have seen (docs/reconciliation.md).
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from django.http import HttpRequest, HttpResponseBase

from api import revision
from api.actions import products, stock
from api.actor import Actor
from api.models import Product
from api.phones import orders as phone_orders
from api.phones import stock as phone_stock
from api.rest import answers, lists, ready
from api.rest.requests import parse_id, require_id, sku_of_query
from api.texts import NO_SKU, skus_of


def product_list(request: HttpRequest, *, by: Actor) -> HttpResponseBase:
    """All products that are not archived."""
    return _whole_list(request, by, partial(phone_stock.pulled, by=by))


def order_list(request: HttpRequest, *, by: Actor) -> HttpResponseBase:
    """The orders that the app shows."""
    return _whole_list(request, by, partial(phone_orders.pulled, by=by), lists.orders_kept_since(by.at))


def _whole_list(
    request: HttpRequest, by: Actor, pulled: Callable[[int], int | None], since: datetime | None = None
) -> HttpResponseBase:
    """A whole list with its tag, or 304 if the caller holds it.

    pulled: called with the revision of the list that a phone gets. If the pull corrects something, it returns a later
    revision, and the list is made again. since: for the list of orders; None for the products.
    """
    photos = answers.photo_base(request)
    rest = (f"{photos} {since}" + ("" if by.is_app else " programs") if since else photos).encode()

    def made() -> tuple[str, bytes | None]:
        """The list's revision tag, and the list; None if the caller holds it."""
        state = revision.tag()
        if answers.not_modified(request, answers.tag_of(state, rest)):
            return state, None
        return ready.whole_list(state, photos, since, for_app=by.is_app)

    state, packed = made()
    if by.is_app:
        seen = _revision_of(state)
        corrected = pulled(seen) or seen
        if corrected != seen:
            state, packed = made()
            if _revision_of(state) != corrected:
                phone_stock.saw_later(_revision_of(state), corrected, by=by)
    return answers.tagged_gzip(request, answers.tag_of(state, rest), packed)


def _revision_of(tag: str) -> int:
    return int(tag.rsplit("-", 1)[1])


def look_up(request: HttpRequest, *, by: Actor) -> HttpResponseBase:
    """The product that the `?sku=` of the request means, as a list of one or none."""
    asked = sku_of_query(request, is_app=by.is_app)
    assert asked is not None
    if by.is_app:
        product = phone_stock.look_up(skus_of(*asked, blank=NO_SKU), sent=asked[0], by=by)
    else:
        product = Product.objects.with_code(skus_of(*asked))
    return answers.json([lists.one_product(product, answers.photo_base(request))] if product else [])


def add_stock(request: HttpRequest, key: str, quantity: int, *, by: Actor) -> HttpResponseBase:
    """Receive goods. key: the product's id in the path; a phone may send any text there."""
    if by.is_app:
        movement = phone_stock.add_stock(parse_id(key), quantity, by=by, key=key)
    else:
        movement = stock.receive(require_id(key, products.NoSuchProduct), quantity, by=by)
    return answers.movement_answer(request, movement)
