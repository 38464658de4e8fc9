"""The app's offline mode: queues in SQLite, a cache with optimistic changes, the pass that replays them.

It is a faithful port, with the app's bugs: a queue is cleared only as a whole, an interrupted pass starts a queue
from its beginning, nothing guards against two passes at once, and two exceptions hang the inventory screen.

Everything that calls the server is a generator that yields a :class:`Call` just before each request, so that a
simulation decides which phone continues and when. ``run`` runs one to its end.
"""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
import threading
import uuid
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from proofs.phone.app import (
    UNKNOWN_CUSTOMER,
    InventoryRemote,
    LineProduct,
    NotFound,
    Order,
    OrderLine,
    OrderRemote,
    Product,
    SkuTaken,
)
from proofs.phone.dio import DioException, MultipartFile

T = TypeVar("T")

FRESH, CACHED, HUNG = "fresh", "cached", "hung"

_SCHEMA = """
CREATE TABLE product (id TEXT PRIMARY KEY, position INTEGER, body TEXT NOT NULL);
CREATE TABLE creation (n INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
CREATE TABLE addition (n INTEGER PRIMARY KEY AUTOINCREMENT, sku TEXT NOT NULL, quantity INTEGER NOT NULL);
CREATE TABLE product_update (n INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
CREATE TABLE deletion (n INTEGER PRIMARY KEY AUTOINCREMENT, product_id TEXT NOT NULL);
CREATE TABLE order_update (n INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
CREATE TABLE file (path TEXT PRIMARY KEY, content BLOB NOT NULL);
"""
_QUEUES = ("creation", "addition", "product_update", "deletion", "order_update")


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


class StillUnknown(Exception):
    """Receiving online: nobody has named the unknown SKU, so nothing was created."""


def run(steps: Steps[T]) -> T:
    """Run a verb to its end without interruptions and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result


class LocalStore:
    """The phone's database. May be used by several threads; each call is one transaction."""

    def __init__(self, path: str = ":memory:") -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'product'").fetchone():
            self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    # the cache

    def products(self) -> list[Product]:
        """The cached list, in the server's order, then the phone's own."""
        with self._lock:
            rows = self._db.execute("SELECT body FROM product ORDER BY position, rowid").fetchall()
        return [Product(**json.loads(body)) for (body,) in rows]

    def product(self, product_id: str) -> Product | None:
        """One cached product."""
        return next((product for product in self.products() if product.id == product_id), None)

    def product_by_sku(self, sku: str) -> Product | None:
        """One cached product by its SKU."""
        return next((product for product in self.products() if product.sku == sku), None)

    def replace_products(self, products: list[Product]) -> None:
        """The pulled list becomes the whole cache."""
        with self._transaction() as db:
            db.execute("DELETE FROM product")
            db.executemany(
                "INSERT OR REPLACE INTO product VALUES (?, ?, ?)",
                [(product.id, n, json.dumps(asdict(product))) for n, product in enumerate(products)],
            )

    def save_product(self, product: Product) -> None:
        """Put one product into the cache, in its old place if it has one."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO product VALUES (?, 1000000000, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
                (product.id, json.dumps(asdict(product))),
            )

    def drop_product(self, product_id: str) -> None:
        """Take one product out of the cache."""
        with self._transaction() as db:
            db.execute("DELETE FROM product WHERE id = ?", (product_id,))

    def add_to_cached(self, sku: str, quantity: int) -> None:
        """Raise the shown quantity of a cached product."""
        with self._lock:
            product = self.product_by_sku(sku)
            if product:
                self.save_product(replace(product, quantity=product.quantity + quantity))

    # the queues

    def queue(self, name: str) -> list[tuple[Any, ...]]:
        """A queue's items in order; the first column is the item's number."""
        assert name in _QUEUES
        with self._lock:
            return self._db.execute(f"SELECT * FROM {name} ORDER BY n").fetchall()  # noqa: S608

    def enqueue(self, name: str, *values: object) -> int:
        """Append an item and return its number."""
        assert name in _QUEUES
        marks = ", ".join("?" for _ in values)
        with self._transaction() as db:
            cursor = db.execute(f"INSERT INTO {name} VALUES (NULL, {marks})", values)  # noqa: S608
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def clear(self, name: str) -> None:
        """Empty a queue, whatever is in it by now."""
        assert name in _QUEUES
        with self._transaction() as db:
            db.execute(f"DELETE FROM {name}")  # noqa: S608

    def queued(self) -> dict[str, int]:
        """How many items wait in each queue."""
        return {name: len(self.queue(name)) for name in _QUEUES}

    # pictures on the phone

    def save_file(self, path: str, content: bytes) -> None:
        """Keep a picture."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO file VALUES (?, ?)", (path, content))

    def file(self, path: str) -> MultipartFile:
        """A picture as it is sent. Raises FileNotFoundError."""
        with self._lock:
            row = self._db.execute("SELECT content FROM file WHERE path = ?", (path,)).fetchone()
        if row is None:
            raise FileNotFoundError(path)
        return MultipartFile(row[0], path.rsplit("/", 1)[-1])


class Phone:
    """One phone with the app: its person's verbs and its passes.

    Args:
        inventory, orders: the calls.
        rng: where the phone's UUIDs come from.
        store: the phone's database; an empty one in memory if not given.
        online: whether the phone believes that it has a network.
    """

    def __init__(
        self,
        inventory: InventoryRemote,
        orders: OrderRemote,
        rng: random.Random | None = None,
        store: LocalStore | None = None,
        online: bool = True,
    ) -> None:
        self.inventory = inventory
        self.order_remote = orders
        self.rng = rng or random.Random()
        self.store = store or LocalStore()
        self.online = online
        self.orders: dict[str, Order] = {}
        """The orders of the last pull; in memory only, so a restart forgets them."""

    def new_id(self) -> str:
        """A UUID of the phone's own (version 4)."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def restart(self) -> None:
        """The app is closed and opened again: the database stays, the memory doesn't."""
        self.orders = {}

    # --- screens

    def open_inventory(self) -> Steps[Screen]:
        """Open a screen that lists products: replay the queues, then pull. Two may run at once."""
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
        """Replay the four queues of the inventory, each cleared once all of it went through.

        Raises:
            SkuTaken, NotFound: the two that nobody catches on a phone.
            DioException: anything else; the queue at hand is kept whole.
        """
        for n, body in self.store.queue("creation"):
            created = json.loads(body)
            image = self.store.file(created["image"]) if created["image"] else None
            yield Call("create", created["sku"], n)
            self.inventory.create(created["name"], created["sku"], created["location"], image)
        self.store.clear("creation")

        for n, sku, quantity in self.store.queue("addition"):
            yield from self._find_and_add(sku, quantity, n)
        self.store.clear("addition")

        for n, body in self.store.queue("product_update"):
            yield from self._push_update(Product(**json.loads(body)), n)
        self.store.clear("product_update")

        for n, product_id in self.store.queue("deletion"):
            yield Call("delete", product_id, n)
            self.inventory.delete(product_id)
        self.store.clear("deletion")

    def open_orders(self) -> Steps[list[Order]]:
        """Open the list of orders: replay the queued updates, then pull. Errors show what is known."""
        if not self.online:
            return list(self.orders.values())
        try:
            for n, body in self.store.queue("order_update"):
                order = _order_from(json.loads(body))
                yield Call("update_order", order.id, n)
                self.order_remote.update(order)
            self.store.clear("order_update")
            yield Call("pull_orders")
            self.orders = {order.id: order for order in self.order_remote.orders()}
        except DioException:
            pass
        return list(self.orders.values())

    # --- what the person does

    def scan(self, sku: str) -> Steps[Product | None]:
        """Scan a barcode: the product to show, from the cache when there is no network."""
        if not self.online:
            return self.store.product_by_sku(sku)
        yield Call("find", sku)
        return self.inventory.by_sku(sku)

    def receive(self, sku: str, quantity: int, new_name: str | None = None) -> Steps[None]:
        """Receive goods. Offline the addition is queued, whether the SKU is known or not.

        Args:
            sku: as scanned.
            quantity: pieces, more than 0.
            new_name: what the person calls the product if its SKU is unknown; it is created then.

        Raises:
            StillUnknown: online, the SKU is unknown and no name was given.
            DioException, NotFound: shown to the person.
        """
        if not self.online:
            self.store.enqueue("addition", sku, quantity)
            self.store.add_to_cached(sku, quantity)
            return
        yield Call("find", sku)
        product = self.inventory.by_sku(sku)
        if product is None:
            if new_name is None:
                raise StillUnknown(sku)
            yield from self.create_product(new_name, sku)
            yield from self._find_and_add(sku, quantity)
        else:
            yield Call("add_stock", product.id)
            self.inventory.add_stock(product.id, quantity)
        self.store.add_to_cached(sku, quantity)

    def create_product(
        self, name: str, sku: str, location: str | None = None, photo: bytes | None = None
    ) -> Steps[Product]:
        """Create a product. Offline it lives under a UUID of the phone's own until it is pushed.

        Raises:
            SkuTaken, DioException: online, shown to the person.
        """
        path = self._keep_photo(photo) if photo is not None else None
        if not self.online:
            local = Product(self.new_id(), name, sku, 0, location, path)
            body = {"name": name, "sku": sku, "location": location, "image": path}
            self.store.enqueue("creation", json.dumps(body))
            self.store.save_product(local)
            return local
        yield Call("create", sku)
        created = self.inventory.create(name, sku, location, self.store.file(path) if path else None)
        self.store.save_product(created)
        return created

    def edit(self, product: Product) -> Steps[None]:
        """Save the product page: a PUT of all that is shown there; an emptied location is ``""``."""
        if self.online:
            yield from self._push_update(product)
        else:
            self.store.enqueue("product_update", json.dumps(asdict(product)))
        self.store.save_product(product)

    def press_plus(self, product_id: str) -> Steps[None]:
        """The + button: a PUT of the whole cached product with one more."""
        yield from self._step(product_id, 1)

    def press_minus(self, product_id: str) -> Steps[None]:
        """The − button: a PUT of the whole cached product with one less."""
        yield from self._step(product_id, -1)

    def take_photo(self, product_id: str, photo: bytes) -> Steps[None]:
        """Photograph a product: uploaded at once, or an update with a path on the phone is queued."""
        product = self._shown(product_id)
        path = self._keep_photo(photo)
        if self.online:
            yield Call("upload_image", product_id)
            self.store.save_product(self.inventory.upload_image(product_id, self.store.file(path)))
        else:
            yield from self.edit(replace(product, image_url=path))

    def delete(self, product_id: str) -> Steps[None]:
        """Delete a product."""
        if self.online:
            yield Call("delete", product_id)
            self.inventory.delete(product_id)
        else:
            self.store.enqueue("deletion", product_id)
        self.store.drop_product(product_id)

    def finish_order(self, order: Order) -> Steps[None]:
        """Finish picking, in full. Offline, the customer is ``N/A`` if the phone forgot it."""
        done = order.picked_in_full()
        if self.online:
            yield Call("update_order", done.id)
            self.order_remote.update(done)
        else:
            known = self.orders.get(done.id)
            done = replace(done, customer_name=known.customer_name if known else UNKNOWN_CUSTOMER)
            self.store.enqueue("order_update", json.dumps(asdict(done)))
        if done.id in self.orders:
            self.orders[done.id] = done

    # --- parts

    def _find_and_add(self, sku: str, quantity: int, item: int | None = None) -> Steps[None]:
        yield Call("find", sku, item)
        product = self.inventory.by_sku(sku)
        if product is None:
            raise NotFound(sku)
        yield Call("add_stock", product.id, item)
        self.inventory.add_stock(product.id, quantity)

    def _push_update(self, product: Product, item: int | None = None) -> Steps[None]:
        yield Call("update", product.id, item)
        self.inventory.update(product)
        if product.has_local_image:
            yield Call("upload_image", product.id, item)
            self.inventory.upload_image(product.id, self.store.file(str(product.image_url)))

    def _step(self, product_id: str, step: int) -> Steps[None]:
        product = self._shown(product_id)
        yield from self.edit(replace(product, quantity=product.quantity + step))

    def _shown(self, product_id: str) -> Product:
        product = self.store.product(product_id)
        if product is None:
            raise NotFound(product_id)
        return product

    def _keep_photo(self, photo: bytes) -> str:
        path = f"/data/user/0/easy_box/cache/{self.new_id()}.jpg"
        self.store.save_file(path, photo)
        return path


def _order_from(data: dict[str, Any]) -> Order:
    lines = tuple(
        OrderLine(LineProduct(**line["product"]), line["quantity_to_pick"], line["quantity_picked"])
        for line in data["lines"]
    )
    return Order(data["id"], data["customer_name"], data["status"], lines)
