"""People with phones: what each verb of a plan does in the app, and how people retry after an error."""

from __future__ import annotations

import contextlib
import json
import random
import threading
from collections.abc import Callable
from typing import Any

from proofs.phone.app import CastError, InventoryRemote, NotFound, Order, OrderRemote, Product, Session, SkuTaken
from proofs.phone.dio import DART_USER_AGENT, Dio, DioException
from proofs.phone.offline import HUNG, Failed, Page, Screen, Steps, StillUnknown, run
from proofs.phone.repaired import APPS
from proofs.simulation.intentions import Finished, Intentions
from proofs.simulation.network import Line
from proofs.simulation.photos import PHOTOS
from proofs.simulation.plan import BARCODE, UNTOUCHED, Act
from proofs.simulation.scene import Scene, log_in

ATTEMPTS = 5
MOST_LOOKS = 15
"""The most lookups that the camera makes for a label in view."""


class Person:
    """A person with a phone. After an error on the screen they check whether the action went through.

    pause: lets the time between two acts of a person pass. app: the variant of the app (`proofs.phone.repaired.APPS`).
    """

    def __init__(
        self, name: str, line: Line, scene: Scene, notes: Intentions, pause: Callable[[], None], app: str
    ) -> None:
        self.name, self.line, self.scene, self.notes, self._pause = name, line, scene, notes, pause
        line.on_answer = self._notice_photo
        self.dio = Dio(line.server.base_url, line, clock=line.server.elapsed)
        self.session = session = Session(scene.tokens[name])
        self.phone = APPS[app](
            InventoryRemote(self.dio, session), OrderRemote(self.dio, session), random.Random(f"ids {name}")
        )
        self.screens: list[Screen] = []
        self._orders: dict[str, Order] = {}
        """The orders that the person has seen, by id; the app may have forgotten them."""
        self._failed: list[Act] = []
        """Acts that failed without a radio and will be entered again."""
        self._passes: list[Steps[Any]] = []
        self._slices: tuple[int, ...] = ()
        self._turn = 0

    # --- the plan's acts

    def do(self, act: Act) -> None:
        """Do an act of the plan, unless it is no longer possible (for example, the product is gone)."""
        self.finish_pass()
        self.line.begin(act.n)
        if act.scans:
            self._scan(act.scans, 1 + act.n % MOST_LOOKS)
            self._pause()
        if self.phone.online and not self.phone.store.queued():
            self._enter_again()
        self.line.begin(act.n, act.faults)
        try:
            getattr(self, f"do_{act.verb}")(act)
        except Failed:
            if act.persists:
                self._failed.append(act)

    def _enter_again(self) -> None:
        """Do the acts that failed without a radio; the network is back and the queues are sent."""
        failed, self._failed = self._failed, []
        for act in failed:
            self.line.begin(act.n)
            getattr(self, f"do_{act.verb}")(act)
            self._pause()

    def do_online(self, act: Act) -> None:
        """The radio has a network again. The person may log in again first, which the queues survive.

        They do so only while the queues hold nothing but additions and deletions, as in the installed app.
        """
        self.phone.online = True
        queued = self.phone.store.queued()
        if act.logs_in and not (queued["creation"] or queued["product_update"] or queued["order_update"]):
            self.session.token = log_in(self.line.server, f"{self.name.lower()}@example.com", DART_USER_AGENT)
            self.do_open(act)

    def do_offline(self, act: Act) -> None:
        self.phone.online = False

    def do_restart(self, act: Act) -> None:
        """The app forgets its orders, as between two lists. The person may still have an order's page open."""
        self.phone.store.orders.clear()

    def do_open(self, act: Act) -> None:
        """Open the inventory: one pass, or two at once. A slow pass goes on between the acts of other people."""
        self._passes = [self.phone.open_inventory() for _ in range(2 if act.weave else 1)]
        if act.weave:
            self._interleave(act.weave)
        elif act.slices:
            self._slices, self._turn = act.slices, 0
            self.continue_pass()
        else:
            self.finish_pass()

    def do_orders(self, act: Act) -> None:
        self._run(self.phone.open_orders())
        self._orders |= self.phone.store.orders

    def do_scan(self, act: Act) -> None:
        self._scan(act.sku, 1)

    def _scan(self, label: str, looks: int) -> None:
        """While the label is in view, the app looks it up again after each answer, over one or two connections."""
        with contextlib.suppress(DioException, Failed):  # after an error they stop scanning
            for look, call in enumerate(self.phone.scan(self.scene.sku(label), looks)):
                self.line.second = bool(looks % 2 and look % 3 == 1)
                self.line.announce(call.verb)
        self.line.second = False

    def do_receive(self, act: Act) -> None:
        sku = self.scene.sku(act.sku)

        def attempt() -> Steps[None]:
            return self.phone.receive(sku, act.quantity, act.text)

        if not self._retry(attempt, lambda: self._sent("add_stock")):
            return
        if act.quantity == BARCODE:
            self.notes.impossible_quantities[act.sku] += 1
            self.notes.touched[act.sku].add(self.name)
        else:
            self.notes.moved(self.name, act.sku, act.quantity)
        if self._sent_in_act("POST /api/products/ "):
            self.notes.made(self.name, act.sku, act.text)

    def do_press(self, act: Act) -> None:
        product = self._product_page(act.sku)
        if product is None or product.quantity + act.quantity < 0:
            return
        page = self.phone.open_page(product)
        taps = 2 if act.taps_twice and self.phone.online else 1
        if self._retry(lambda: self._taps(page, act.quantity, taps)):
            self.notes.moved(self.name, act.sku, act.quantity, press=True)  # two taps are one step on the page, too
        self._leave_page(act)

    def _taps(self, page: Page, step: int, taps: int) -> Steps[None]:
        """Press a button `taps` times before the answer is there. Raises DioException if none succeeds."""
        presses = [self.phone.press(page, step) for _ in range(taps)]
        calls = [next(press, None) for press in presses]
        errors: list[DioException] = []
        for press, call in zip(presses, calls, strict=True):
            if call:
                yield call
                try:
                    run(press)
                except DioException as error:
                    errors.append(error)
                self.line.second = True
        self.line.second = False
        if errors and len(errors) == taps:
            raise errors[0]

    def do_edit(self, act: Act) -> None:
        product = self._product_page(act.sku)
        field, _, value = act.text.partition("=")
        if product is None:
            return
        page = self.phone.open_page(product)
        if self.phone.online and product.id in self._queued_updates():
            self.notes.sent_out_of_order.add((act.sku, field))  # the older edit in the queue is sent later
        changes: dict[str, Any] = {field: value}
        if self._retry(lambda: self.phone.save(page, **changes)):
            self.notes.set_field(self.name, act.sku, field, value)
        self._leave_page(act)

    def do_relabel(self, act: Act) -> None:
        """Give a product another SKU: a free one, or by mistake one that another product has."""
        product = self._product_page(act.sku)
        if product is None:
            return
        wanted = self.scene.new_label(act.sku) if act.text == "new" else self.scene.sku(UNTOUCHED)
        page = self.phone.open_page(product)
        self._retry(lambda: self.phone.save(page, sku=wanted))

    def do_photo(self, act: Act) -> None:
        product = self._product_page(act.sku)
        if product is None:
            return
        tried = False

        def attempt() -> Steps[None]:
            nonlocal tried
            shown, again = self._shown(act.sku), tried
            tried = True
            if shown is None and again:
                raise StillUnknown(act.sku)  # a product created without a network is not in the pulled list
            return self.phone.save(self.phone.open_page(shown or product), PHOTOS[act.text])

        if self._retry(attempt):
            self.notes.set_field(self.name, act.sku, "photo", act.text)
        self._leave_page(act)

    def do_create(self, act: Act) -> None:
        sku = self.scene.sku(act.sku)
        if self._shown(act.sku) is None and self._retry(lambda: self.phone.create_product(act.text, sku)):
            self.notes.made(self.name, act.sku, act.text)

    def do_delete(self, act: Act) -> None:
        product = self._product_page(act.sku)
        if product is not None and self._retry(lambda: self.phone.delete(product.id)):
            self.notes.deleted[act.sku].add(self.name)

    def do_finish(self, act: Act) -> None:
        if act.order >= len(self.scene.orders):
            return
        order = self._orders.get(str(self.scene.orders[act.order]))
        if order is None or order.status == "cancelled":
            return
        if order.status == "picked" and not (act.persists and self.phone.online):
            return  # finishing it again offline would hang the list of orders for ever
        if self._retry(lambda: self.phone.finish_order(order)) and order.status != "picked":
            picked = {int(line.product.id): line.quantity_to_pick for line in order.lines}
            self.notes.finished[int(order.id)].append(Finished(self.name, picked))
            self._orders[order.id] = order.picked_in_full()

    # --- passes

    def continue_pass(self) -> None:
        """Make the next few requests of a slow pass."""
        if self._passes:
            steps = self._passes[0]
            for _ in range(self._slices[self._turn % len(self._slices)]):
                self._step(steps)
            self._turn += 1

    def finish_pass(self) -> None:
        """Make all remaining requests of the current pass."""
        while self._passes:
            self._step(self._passes[0])

    def _interleave(self, weave: str) -> None:
        """Run two passes at once: in two threads if the server is concurrent, else in the order of `weave`."""
        first, second = self._passes
        for steps in (first, second):  # both have read their queues before either sends
            self._step(steps)
        if self.line.server.concurrent:
            threads = [threading.Thread(target=self._run_pass, args=(steps,)) for steps in (first, second)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        while len(self._passes) == 2:
            self.line.second = weave[self._turn % len(weave)] == "b"
            self._step(second if self.line.second else first)
            self._turn += 1
        self.line.second = self._passes == [second]
        self.finish_pass()

    def _run_pass(self, steps: Steps[Screen]) -> None:
        while steps in self._passes:
            self._step(steps)

    def _step(self, steps: Steps[Screen]) -> None:
        if steps not in self._passes:
            return
        try:
            self.line.announce(next(steps).verb)
        except StopIteration as stop:
            self._passes.remove(steps)
            self.screens.append(stop.value)
        except CastError as error:
            self._passes.remove(steps)
            self.screens.append(Screen(HUNG, [], error))

    # --- parts

    def _run(self, steps: Steps[Any]) -> None:
        for call in steps:
            self.line.announce(call.verb)

    def _retry(self, attempt: Callable[[], Steps[Any]], went_through: Callable[[], bool] = lambda: False) -> bool:
        """Run an action, and retry it after an error on the screen until it is done or `went_through()` is true.

        Returns whether it was done. Gives up after ATTEMPTS, or when the screen says why it cannot be done.
        """
        for _ in range(ATTEMPTS):
            try:
                self._run(attempt())
                return True
            except (SkuTaken, StillUnknown):
                return False  # the screen says why, so they give up
            except (DioException, NotFound, CastError) as error:
                if went_through():
                    return True
                last_error = error
            self._pause()
            if isinstance(last_error, DioException) and last_error.status == 404:
                self._run(self.phone.open_inventory())  # they check whether it still exists
                self._pause()
        self.notes.failed_acts.append(f"{self.name}: {last_error!r} after {self.line.log[-1]}")
        return False

    def _sent(self, verb: str) -> bool:
        return self.line.delivered and f"/{verb}/" in self.line.log[-1].line

    def _sent_in_act(self, line: str) -> bool:
        mine = [entry for entry in self.line.log if entry.act == self.line.act and entry.who == self.name]
        return any(f"{entry.line} ".startswith(line) and 200 <= entry.status < 300 for entry in mine)

    def _notice_photo(self, request: bytes, answer: bytes) -> None:
        """Note the URL of an uploaded photo. The app caches photos by their URL, so a new photo needs a new URL."""
        if b"/upload_image/ HTTP" not in request[:200] or not answer.startswith(b"HTTP/1.1 200 "):
            return
        colour = next(name for name, photo in PHOTOS.items() if photo in request)
        url = json.loads(answer.partition(b"\r\n\r\n")[2])["image_url"]
        known = self.notes.pictures.setdefault(url, colour)
        if known != colour:
            self.notes.reused_urls.append(f"{url} was {known} and is {colour} now: phones still show the old one")

    def _product_page(self, sku: str) -> Product | None:
        """The product to open. The person gets to it by the inventory, which sends the queues if there is a network."""
        if self.phone.online and any(self.phone.store.queued().values()):
            self._passes = [self.phone.open_inventory()]
            self.finish_pass()
            self._pause()
        return self._shown(sku)

    def _leave_page(self, act: Act) -> None:
        """Go back to the inventory, which is then pulled again; half the time the person stays on the page."""
        if act.n % 2:
            self._run(self.phone.open_inventory())

    def _queued_updates(self) -> list[str]:
        """The ids of products with an edit in the queue."""
        return [edited.id for _n, edited in self.phone.store.queue("product_update")]

    def _shown(self, sku: str) -> Product | None:
        by_sku = self.phone.store.product_by_sku
        return by_sku(self.scene.sku(sku)) or by_sku(self.scene.new_label(sku))
