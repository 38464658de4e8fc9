"""The repaired app: what the installed one would do if its three other queues worked. Nobody has it.

Somebody may build it later, so the server must not silently be wrong for it either (docs/flutter-app.md, section 4).
"""

from __future__ import annotations

from dataclasses import replace

from proofs.phone.app import UNKNOWN_CUSTOMER, Order, Product
from proofs.phone.offline import Call, Phone, Steps


class RepairedPhone(Phone):
    """A phone with five queues. A pass sends creations, additions, updates of products and deletions, in this order;
    updates of orders are sent before the list of orders is pulled."""

    def sync_pass(self) -> Steps[None]:
        """As in the installed app. In addition, a taken SKU raises SkuTaken, which hangs the screen."""
        yield from self._replay("creation", self._push_creation)
        yield from self._replay("addition", self._push_addition)
        yield from self._replay("product_update", self._push_update)
        yield from self._replay("deletion", self._delete)

    def create_offline(self, local: Product) -> None:
        self.store.enqueue("creation", local)

    def save_offline(self, edited: Product) -> Product:
        self.store.enqueue("product_update", edited)
        return edited

    def finish_offline(self, order: Order, done: Order) -> None:
        self.store.enqueue("order_update", done)

    def push_order(self, done: Order, item: int) -> Steps[None]:
        """Send a queued order. Its customer is ``N/A`` if the order is no longer in the stored list."""
        known = self.store.orders.get(done.id)
        yield from self._update_order(
            replace(done, customer_name=known.customer_name if known else UNKNOWN_CUSTOMER), item
        )

    def _push_creation(self, local: Product, item: int) -> Steps[None]:
        yield from self._create(local.name, local.sku, local.location, local.image_url, item)
        self.store.drop_product(local.id)

    def _push_update(self, edited: Product, item: int) -> Steps[None]:
        """Send only the PUT: a photo that is a file on the phone is not uploaded."""
        yield Call("update", edited.id, item)
        self.inventory.update(edited)


APPS: dict[str, type[Phone]] = {"installed": Phone, "repaired": RepairedPhone}
"""The variants of the app by name. Nobody has the repaired one, so it is used only where it is named."""
