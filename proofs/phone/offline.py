"""The installed app's screens and its offline mode (docs/flutter-app.md, sections 3 and 4).

It is a faithful port, with the app's bugs: without a radio only additions and deletions are queued, a queue is cleared
only as a whole, an interrupted pass starts a queue from its beginning, nothing guards against two passes at once, and
an unknown SKU in a queue hangs the inventory screen.

Every method that calls the server is a generator that yields a :class:`Call` just before each request, so that a
simulation decides which phone continues, and when. ``run`` runs a generator to its end.
"""

from __future__ import annotations

import itertools
import random
import uuid
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from proofs.phone.app import InventoryRemote, NotFound, Order, OrderRemote, Product, SkuTaken
from proofs.phone.dio import DioException, MultipartFile

T = TypeVar("T")

FRESH, CACHED, HUNG = "fresh", "cached", "hung"


@dataclass(frozen=True)
class Call:
    """A request that is about to be made.

    Attributes:
        verb: ``create``, ``find``, ``add_stock``, ``update``, ``upload_image``, ``delete``, ``pull``,
            ``update_order``, ``pull_orders``.
        subject: the SKU of ``create`` and ``find``, else the id; empty for a pull.
        item: the number of the queue's item that is replayed, or None.
    """

    verb: str
    subject: str = ""
    item: int | None = None


Steps = Generator[Call, None, T]
"""An action of a phone: yields just before each request, and returns its result at the end."""


@dataclass(frozen=True)
class Screen:
    """What the inventory screen shows.

    Attributes:
        state: ``fresh`` (pulled just now), ``cached`` (an error was caught, or no network), or ``hung``.
        products: the list; a hung screen shows none.
        error: what was caught, or what hangs the screen.
    """

    state: str
    products: list[Product]
    error: Exception | None = None


@dataclass
class Page:
    """A product page: the product as it was when the page was opened. Only the page's own saves change it."""

    product: Product


class StillUnknown(Exception):
    """Receiving online: the SKU is unknown and the person gave no name for it, so nothing was created."""


class Failed(Exception):
    """The app can't do this without a radio. Nothing is queued."""


class Hung(Exception):
    """The list of orders never appears, now and at every later opening. No request is made."""


def run(steps: Steps[T]) -> T:
    """Run an action of a phone to its end without interruptions and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result


class Store:
    """What stays on the phone when the app is closed or another person logs in: the lists, the queues, the photos."""

    def __init__(self) -> None:
        self._products: dict[str, Product] = {}
        self._queues: dict[str, list[tuple[int, Any]]] = {}
        self._numbers = itertools.count(1)
        self.orders: dict[str, Order] = {}
        self.files: dict[str, bytes] = {}

    def products(self) -> list[Product]:
        """The cached list, in the server's order, then the products added on the phone."""
        return list(self._products.values())

    def product_by_sku(self, sku: str) -> Product | None:
        """The cached product with this SKU, or None."""
        return next((product for product in self.products() if product.sku == sku), None)

    def replace_products(self, products: list[Product]) -> None:
        """The pulled list becomes the whole cache."""
        self._products = {product.id: product for product in products}

    def save_product(self, product: Product) -> None:
        """Put one product into the cache, in its old place if it has one."""
        self._products[product.id] = product

    def drop_product(self, product_id: str) -> None:
        """Take one product out of the cache."""
        self._products.pop(product_id, None)

    def queue(self, name: str) -> list[tuple[int, Any]]:
        """A queue's items in order, each with its number."""
        return list(self._queues.get(name, ()))

    def enqueue(self, name: str, item: object) -> None:
        """Append an item."""
        self._queues.setdefault(name, []).append((next(self._numbers), item))

    def clear(self, name: str) -> None:
        """Empty a queue, including items that were added after it was read."""
        self._queues.pop(name, None)

    def queued(self) -> Counter[str]:
        """How many items wait in each queue."""
        return Counter({name: len(items) for name, items in self._queues.items()})


class Phone:
    """One phone with the app: the actions of its person, and its passes.

    Args:
        inventory, orders: the calls to the server.
        rng: the source of the phone's UUIDs.
        store: what the phone has stored already.
        online: whether the radio has a network, even if no server can be reached through it.
    """

    def __init__(
        self,
        inventory: InventoryRemote,
        orders: OrderRemote,
        rng: random.Random | None = None,
        store: Store | None = None,
        online: bool = True,
    ) -> None:
        self.inventory = inventory
        self.order_remote = orders
        self.rng = rng or random.Random()
        self.store = store or Store()
        self.online = online
        self.search_is_dead = False

    def new_id(self) -> str:
        """A new UUID (version 4), made by the phone."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    # --- screens

    def open_inventory(self) -> Steps[Screen]:
        """Open a screen that lists products, or come back to it from a product page: replay the queues, then pull.

        Leaving the screen stops nothing: this generator goes on, and the next opening starts another one beside it.
        """
        self.search_is_dead = True
        screen = yield from self._fetch()
        self.search_is_dead = screen.state == HUNG
        return screen

    def _fetch(self) -> Steps[Screen]:
        if not self.online:
            return Screen(CACHED, self.store.products())
        try:
            yield from self.sync_pass()
            yield Call("pull")
            products = self.inventory.products()
        except DioException as error:
            return Screen(CACHED, self.store.products(), error)
        except (SkuTaken, NotFound) as error:
            return Screen(HUNG, [], error)
        self.store.replace_products(products)
        return Screen(FRESH, self.store.products())

    def sync_pass(self) -> Steps[None]:
        """Replay the queues. Each is cleared once all its items were sent.

        Raises:
            NotFound: an empty look-up, or a 404 of an addition; nobody catches it on a phone.
            DioException: anything else; the queue that was being replayed keeps all its items.
        """
        yield from self._replay("addition", self._push_addition)
        yield from self._replay("deletion", self._delete)

    def open_orders(self) -> Steps[list[Order]]:
        """Open the list of orders, in the server's order; without a radio, the stored list. After an error it is empty.

        Raises Hung, with a radio, once a finished order is stored that can't be read again (`finish_offline`).
        """
        if self.online:
            try:
                yield from self.sync_orders()
            except DioException:
                return []
        return list(self.store.orders.values())

    def sync_orders(self) -> Steps[None]:
        """Replay the queue of finished orders, then pull the list. Raises DioException, Hung."""
        yield from self._replay("order_update", self.push_order)
        yield Call("pull_orders")
        self.store.orders = {order.id: order for order in self.order_remote.orders()}

    def open_page(self, product: Product) -> Page:
        """Open a product's page, which shows what the list shows."""
        return Page(product)

    # --- what the person does

    def scan(self, sku: str, looks: int = 1) -> Steps[Product | None]:
        """Hold a label before the camera. The look-up is repeated as soon as the answer is there, `looks` times in all.

        Returns the last answer: the product, or None for an unknown SKU. Raises DioException; Failed without a radio.
        """
        found = None
        for _ in range(looks):
            found = yield from self._find(sku)
        return found

    def _find(self, sku: str, item: int | None = None) -> Steps[Product | None]:
        if not self.online:
            raise Failed("server error")
        yield Call("find", sku, item)
        return self.inventory.by_sku(sku)

    def search(self, text: str) -> Steps[list[Product]]:
        """Type into the search box. Each keystroke asks the server as soon as nothing in the list matches.

        If the server knows the SKU, the list is fetched again. After an empty answer or an error, typing has no effect
        until the inventory is opened again. Returns the products shown in the end. Raises DioException, Failed.
        """
        shown = self.store.products()
        for typed in itertools.accumulate(text):
            if self.search_is_dead:
                return []
            shown = [
                product
                for product in self.store.products()
                if typed.lower() in f"{product.name}\0{product.sku}\0{product.location}".lower()
            ]
            if not shown:
                self.search_is_dead = True
                if (yield from self._find(typed)):
                    shown = (yield from self.open_inventory()).products
        return shown

    def receive(self, sku: str, quantity: int, new_name: str | None = None) -> Steps[None]:
        """Receive goods. Offline the addition is queued, whether the SKU is known or not.

        Args:
            sku: as scanned.
            quantity: pieces, more than 0.
            new_name: the name with which an unknown SKU is created.

        Raises:
            StillUnknown: online, the SKU is unknown and no name was given.
            DioException, NotFound: shown to the person.
        """
        if not self.online:
            self.store.enqueue("addition", (sku, quantity))
        else:
            product = yield from self._find(sku)
            if product is None:
                if new_name is None:
                    raise StillUnknown(sku)
                yield from self._create(new_name, sku)
                yield from self._find_and_add(sku, quantity)
            else:
                yield Call("add_stock", product.id)
                self.inventory.add_stock(product.id, quantity)
        if shown := self.store.product_by_sku(sku):
            self.store.save_product(replace(shown, quantity=shown.quantity + quantity))

    def create_product(
        self, name: str, sku: str, location: str | None = None, photo: bytes | None = None
    ) -> Steps[None]:
        """Create a product, then open the inventory again.

        Offline this fails, but the product stays in the list under a UUID made by the phone until the next pull.

        Raises:
            SkuTaken, DioException, Failed: shown to the person.
        """
        path = self._keep_photo(photo)
        if self.online:
            yield from self._create(name, sku, location, path)
            yield from self.open_inventory()
        else:
            local = Product(self.new_id(), name, sku, 0, location, path)
            self.store.save_product(local)
            self.create_offline(local)

    def save(self, page: Page, photo: bytes | None = None, **changes: Any) -> Steps[None]:
        """Save a product page: upload a new photo, then PUT all that the page shows.

        The page then shows the photo file on the phone, so its next save uploads it again.
        changes: new values of the product's fields; an emptied location is ``""``. Raises DioException, Failed.
        """
        edited = replace(page.product, thumbnail_url=None, **changes)
        if photo is not None:
            edited = replace(edited, image_url=self._keep_photo(photo))
        stored = (yield from self._send_saved(edited)) if self.online else self.save_offline(edited)
        page.product = edited
        self.store.save_product(stored)

    def press(self, page: Page, step: int) -> Steps[None]:
        """The + or − button (a step of 1 or -1): a save with that much more than the page shows.

        A second tap before the answer sends the same number, since the page still shows the old one.
        """
        yield from self.save(page, quantity=page.product.quantity + step)

    def delete(self, product_id: str) -> Steps[None]:
        """Delete a product, then open the inventory again. Raises DioException."""
        if self.online:
            yield from self._delete(product_id)
        else:
            self.store.enqueue("deletion", product_id)
        self.store.drop_product(product_id)
        yield from self.open_inventory()

    def finish_order(self, order: Order) -> Steps[None]:
        """Finish an order, picked in full; the order may be finished already. Raises DioException, Failed."""
        done = order.picked_in_full()
        if self.online:
            yield from self._update_order(done)
        else:
            self.finish_offline(order, done)
        if done.id in self.store.orders:
            self.store.orders[done.id] = done

    # --- without a radio

    def create_offline(self, local: Product) -> None:
        """Always raises Failed: the table of the queue of creations lacks a column."""
        raise Failed("failed")

    def save_offline(self, edited: Product) -> Product:
        """Always raises Failed: the table of the queue of edits lacks a column, too."""
        raise Failed("failed")

    def finish_offline(self, order: Order, done: Order) -> None:
        """Queue a finished order.

        Raises Failed if finishing it changes a line, since the app can't store a picked line: the screen hangs, and the
        order is open again after a restart. An order without lines, or one that was finished before, is queued.
        """
        if done.lines != order.lines:
            raise Failed("the screen hangs")
        self.store.enqueue("order_update", done)

    def push_order(self, done: Order, item: int) -> Steps[None]:
        """Send a queued order. Raises Hung if it has lines: the app can never read them back."""
        if done.lines:
            raise Hung("the list of orders hangs")
        yield from self._update_order(done, item)

    # --- parts

    def _replay(self, name: str, push: Callable[[Any, int], Steps[None]]) -> Steps[None]:
        for number, item in self.store.queue(name):
            yield from push(item, number)
        self.store.clear(name)

    def _push_addition(self, addition: tuple[str, int], item: int) -> Steps[None]:
        yield from self._find_and_add(*addition, item=item)

    def _find_and_add(self, sku: str, quantity: int, item: int | None = None) -> Steps[None]:
        product = yield from self._find(sku, item)
        if product is None:
            raise NotFound(sku)
        yield Call("add_stock", product.id, item)
        self.inventory.add_stock(product.id, quantity)

    def _delete(self, product_id: str, item: int | None = None) -> Steps[None]:
        yield Call("delete", product_id, item)
        self.inventory.delete(product_id)

    def _create(
        self, name: str, sku: str, location: str | None = None, path: str | None = None, item: int | None = None
    ) -> Steps[None]:
        yield Call("create", sku, item)
        self.store.save_product(self.inventory.create(name, sku, location, self._file(path) if path else None))

    def _send_saved(self, edited: Product) -> Steps[Product]:
        if edited.has_local_image:
            yield Call("upload_image", edited.id)
            uploaded = self.inventory.upload_image(edited.id, self._file(str(edited.image_url)))
            edited = replace(edited, image_url=uploaded.image_url)
        yield Call("update", edited.id)
        self.inventory.update(edited)
        return edited

    def _update_order(self, done: Order, item: int | None = None) -> Steps[None]:
        yield Call("update_order", done.id, item)
        self.order_remote.update(done)

    def _file(self, path: str) -> MultipartFile:
        return MultipartFile(self.store.files[path], path.rsplit("/", 1)[-1])

    def _keep_photo(self, photo: bytes | None) -> str | None:
        if photo is None:
            return None
        path = f"/data/user/0/easy_box/cache/{self.new_id()}.jpg"
        self.store.files[path] = photo
        return path
