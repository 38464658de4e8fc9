"""The repaired app: what the installed one would do if its three other queues worked. Nobody has it.

Somebody may build it later, so the server must not silently be wrong for it either (docs/flutter-app.md, section 4).
"""

from __future__ import annotations

from dataclasses import replace

from proofs.phone.app import UNKNOWN_CUSTOMER, Order, Product
from proofs.phone.offline import Call, Phone, Steps


class RepairedPhone(Phone):
    """A phone with five queues: creations before the additions, PUTs of products between additions and deletions, and
    PUTs of orders before their list."""

    def sync_pass(self) -> Steps[None]:
        """As the installed app's. A taken SKU raises SkuTaken, which hangs the screen."""
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
        """The customer is ``N/A`` if the order is no longer in the stored list."""
        known = self.store.orders.get(done.id)
        yield from self._update_order(
            replace(done, customer_name=known.customer_name if known else UNKNOWN_CUSTOMER), item
        )

    def _push_creation(self, local: Product, item: int) -> Steps[None]:
        yield from self._create(local.name, local.sku, local.location, local.image_url, item)
        self.store.drop_product(local.id)

    def _push_update(self, edited: Product, item: int) -> Steps[None]:
        """A PUT alone, also of a photo on the phone."""
        yield Call("update", edited.id, item)
        self.inventory.update(edited)


APPS: dict[str, type[Phone]] = {"installed": Phone, "repaired": RepairedPhone}
"""The variants by name; what nobody has must be asked for."""
