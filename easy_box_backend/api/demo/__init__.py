"""The demo warehouse: people, a catalogue of clothes, deliveries, and orders in every state.

Everything is created by the actions, as in a real warehouse, so the ledger and the history are consistent.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from django.contrib.auth.hashers import check_password
from django.db import DatabaseError, transaction

from api.actions import orders, products, stock
from api.actions.orders import Line
from api.actor import Actor
from api.demo import drawings
from api.images import Photo, drawn_here
from api.models import Order, User

PASSWORD = "password"
ADMIN, PICKER = "admin@example.com", "picker@example.com"


@dataclass(frozen=True, slots=True)
class Article:
    """A product of the catalogue.

    delivered: pieces of each delivery. picture: a key of `drawings.KINDS` and a colour.
    """

    sku: str
    name: str
    location: str
    delivered: tuple[int, ...]
    min_quantity: int
    picture: tuple[str, str]


# Barcodes that begin with 20 are for use inside a shop (GS1): no real goods have them.
CATALOGUE = (
    Article("TSH-BLK-M", "Футболка базовая, чёрная, M", "A1-01-01", (80, 40), 20, ("t-shirt", "#26282c")),
    Article("TSH-BLK-L", "Футболка базовая, чёрная, L", "A1-01-02", (80, 40), 20, ("t-shirt", "#26282c")),
    Article("TSH-WHT-M", "T-Shirt Basic weiß, M", "A1-01-03", (100,), 20, ("t-shirt", "#e9e7e1")),
    Article("TSH-WHT-L", "T-Shirt Basic weiß, L", "A1-01-04", (60, 30), 20, ("t-shirt", "#e9e7e1")),
    Article("2017026000011", "Рубашка оксфорд, голубая, 41", "A1-02-01", (45,), 10, ("shirt", "#8fb4d9")),
    Article("2017026000028", "Leinenhemd sand, 42", "A1-02-02", (30, 20), 10, ("shirt", "#d3bd96")),
    Article("HDY-GRY-M", "Hoodie grey melange, M", "A2-01-01", (50,), 12, ("hoodie", "#8b8f96")),
    Article("HDY-GRY-XL", "Hoodie grey melange, XL", "A2-01-02", (40, 10), 12, ("hoodie", "#8b8f96")),
    Article("HDY-GRN-L", "Худи с капюшоном, зелёное, L", "A2-01-03", (35,), 12, ("hoodie", "#3f6b4f")),
    Article("2017026000035", "Куртка-дождевик, жёлтая, M", "A2-02-01", (24,), 6, ("jacket", "#e3b23c")),
    Article("2017026000042", "Steppjacke navy, L", "A2-02-02", (28,), 6, ("jacket", "#27364f")),
    Article("JNS-BLU-32", "Jeans straight blue, 32/32", "B1-01-01", (60, 40), 15, ("jeans", "#3f5f8a")),
    Article("JNS-BLU-34", "Jeans straight blue, 34/32", "B1-01-02", (60, 40), 15, ("jeans", "#3f5f8a")),
    Article("JNS-BLK-32", "Джинсы чёрные, 32/34", "B1-01-03", (50,), 15, ("jeans", "#2c2e33")),
    Article("2017026000059", "Платье летнее, коралловое, S", "B1-02-01", (26,), 8, ("dress", "#d9695f")),
    Article("2017026000066", "Sommerkleid blau, M", "B1-02-02", (26,), 8, ("dress", "#4f74b3")),
    Article("2017026000073", "Носки, 5 пар, 39-42", "B2-01-01", (150, 150), 60, ("socks", "#b8455a")),
    Article("2017026000080", "Socken weiß, 5 Paar, 43-46", "B2-01-02", (120,), 60, ("socks", "#e4e2dc")),
    Article("CAP-NAV", "Baseball cap, navy", "B2-02-01", (40,), 10, ("cap", "#2b3c5e")),
    Article("SCF-RED", "Шарф вязаный, бордовый", "B2-02-02", (32,), 8, ("scarf", "#7d2a38")),
    Article("2017026000097", "Sneaker Leder weiß, 42", "C1-01-01", (18,), 6, ("sneakers", "#ece9e2")),
    Article("BAG-CNV", "Canvas tote bag", "C1-01-02", (70,), 15, ("bag", "#b59b72")),
    Article("BLT-BRN-95", "Ремень кожаный, коричневый, 95", "C1-02-01", (14,), 10, ("belt", "#6b4429")),
    Article("GLV-BLK-M", "Handschuhe Wolle schwarz, M", "C1-02-02", (12,), 12, ("gloves", "#2a2b2f")),
)

# An order to create: the customer, and the pieces to pick by SKU.
Wish = tuple[str, dict[str, int]]
OPEN: tuple[Wish, ...] = (
    ("Анна Соколова", {"TSH-BLK-M": 2, "JNS-BLU-32": 1, "2017026000073": 3}),
    ("Müller Textil GmbH", {"TSH-WHT-M": 12, "TSH-WHT-L": 12, "2017026000080": 10, "BAG-CNV": 6}),
    ("Emma Clarke", {"HDY-GRY-M": 1, "CAP-NAV": 1}),
    ("ООО «Северный стиль»", {"HDY-GRN-L": 5, "SCF-RED": 5, "2017026000035": 2}),
    ("Jonas Weber", {"2017026000042": 1, "2017026000028": 2, "2017026000097": 1}),
    ("Oliver Hughes", {"JNS-BLU-34": 2, "TSH-BLK-L": 3}),
)
# Each with the number of picked lines; the last of these is picked in part.
IN_PROGRESS: tuple[tuple[Wish, int], ...] = (
    (("Мария Кузнецова", {"2017026000059": 1, "BAG-CNV": 1, "2017026000073": 2}), 1),
    (("Boutique Lindenhof", {"2017026000066": 4, "2017026000011": 6, "SCF-RED": 4}), 2),
    (("Charlotte Evans", {"TSH-WHT-M": 3, "JNS-BLK-32": 2}), 1),
    (("Дмитрий Волков", {"HDY-GRY-XL": 2, "JNS-BLU-34": 2, "CAP-NAV": 2, "2017026000080": 4}), 3),
    (("Lena Hoffmann", {"TSH-BLK-M": 4, "TSH-BLK-L": 4}), 1),
    (("Harbour Clothing Ltd", {"TSH-WHT-L": 10, "HDY-GRY-M": 8, "2017026000042": 3}), 2),
)
PICKED: tuple[Wish, ...] = (
    ("Сергей Морозов", {"JNS-BLU-32": 1, "BLT-BRN-95": 2}),
    ("Sophie Becker", {"2017026000066": 1, "2017026000097": 1, "2017026000080": 2}),
    ("James Walker", {"HDY-GRY-XL": 1, "TSH-BLK-L": 2}),
    ("Магазин «Гардероб»", {"2017026000011": 8, "2017026000073": 30, "BLT-BRN-95": 4, "TSH-BLK-M": 10}),
    ("Familie Schneider", {"2017026000035": 2, "GLV-BLK-M": 2, "SCF-RED": 1}),
    ("Grace Thompson", {"2017026000059": 1, "BAG-CNV": 2}),
)
# Each with whether the first line was picked before the cancellation.
CANCELLED: tuple[tuple[Wish, bool], ...] = (
    (("Ольга Новикова", {"2017026000059": 2, "SCF-RED": 1}), False),
    (("Paul Fischer", {"JNS-BLK-32": 1, "2017026000028": 1}), True),
    (("William Scott", {"2017026000042": 1, "CAP-NAV": 1}), False),
    (("ИП Лебедев", {"TSH-WHT-M": 20, "TSH-WHT-L": 20, "HDY-GRN-L": 4}), True),
    (("Modehaus Krüger", {"2017026000066": 5, "JNS-BLU-32": 6}), False),
    (("Amelia Wright", {"HDY-GRY-M": 2, "2017026000097": 1}), True),
)


def load(*, at: datetime) -> None:
    """Fill an empty database with the demo warehouse, in one transaction.

    at: now; deliveries and orders are dated to the days before.
    """
    photos = draw_photos()  # takes seconds, so before the transaction
    with transaction.atomic():
        manager, picker = _people(at)
        product_ids = {a.sku: _stock_up(a, photos[a.picture], manager) for a in CATALOGUE}
        # A pair of gloves is damaged. The gloves and the belt are low on stock.
        by = manager.then(at - timedelta(days=9))
        stock.adjust(product_ids["GLV-BLK-M"], -1, reason="Повреждена упаковка", by=by)
        _Orders(product_ids, manager, picker, at).make()


def draw_photos() -> dict[tuple[str, str], Photo]:
    """The catalogue's photos by `Article.picture`, processed as uploads are."""
    pictures = sorted({article.picture for article in CATALOGUE})
    with ThreadPoolExecutor() as pool:
        photos = pool.map(lambda picture: drawn_here(drawings.draw(*picture)), pictures)
        return dict(zip(pictures, photos, strict=True))


def _people(at: datetime) -> tuple[Actor, Actor]:
    """Create the manager and the picker."""
    # Not `accounts.create`, which rejects such a weak password.
    manager = User.objects.create_superuser(ADMIN, PASSWORD, username="Admin User")
    picker = User.objects.create_user(PICKER, PASSWORD, username="Picker")
    return Actor(user=manager, at=at), Actor(user=picker, at=at)


def _stock_up(article: Article, photo: Photo, by: Actor) -> int:
    """Create the product and its receipts, a week apart. Returns the product's id."""
    day = by.at - timedelta(days=30)
    product = products.create(
        sku=article.sku, name=article.name, location=article.location, min_quantity=article.min_quantity,
        photo=photo, by=by.then(day),
    )  # fmt: skip
    for pieces in article.delivered:
        stock.receive(product.pk, pieces, by=by.then(day + timedelta(hours=1)))
        day += timedelta(days=7)
    return product.pk


class _Orders:
    """Creates the orders of the last three days, with an hour between two steps."""

    def __init__(self, product_ids: dict[str, int], manager: Actor, picker: Actor, at: datetime) -> None:
        self.product_ids, self.manager, self.picker = product_ids, manager, picker
        self.times = (at - timedelta(days=3) + timedelta(hours=hour) for hour in count())

    def make(self) -> None:
        """Create all of them, the finished ones first."""
        for wish in PICKED:
            order = self._create(wish)
            self._pick(order, wish, len(wish[1]), Order.Status.PICKED)
        for wish, begun in CANCELLED:
            order = self._create(wish)
            if begun:
                self._pick(order, wish, 1, Order.Status.IN_PROGRESS)
            orders.update(order.pk, status=Order.Status.CANCELLED, by=self.manager.then(next(self.times)))
        for wish, lines in IN_PROGRESS:
            order = self._create(wish)
            self._pick(order, wish, lines, Order.Status.IN_PROGRESS)
        for wish in OPEN:
            self._create(wish)

    def _create(self, wish: Wish) -> Order:
        customer, wanted = wish
        lines = [Line(self.product_ids[sku], pieces) for sku, pieces in wanted.items()]
        return orders.create(customer_name=customer, lines=lines, by=self.manager.then(next(self.times)))

    def _pick(self, order: Order, wish: Wish, lines: int, status: Order.Status) -> None:
        """Pick the first `lines` lines, the last of them only in part unless the order is finished."""
        picked = []
        for place, (sku, pieces) in enumerate(wish[1].items(), start=1):
            done = 0 if place > lines else pieces
            if place == lines and status != Order.Status.PICKED:
                done = (pieces + 1) // 2
            picked.append(Line(self.product_ids[sku], pieces, done))
        orders.update(order.pk, status=status, lines=picked, by=self.picker.then(next(self.times)))


def people_with_demo_password() -> list[str]:
    """The e-mails of active demo accounts with the demo password; none if the tables do not exist yet."""
    try:
        found = list(User.objects.filter(email__in=[ADMIN, PICKER], is_active=True))
    except DatabaseError:
        return []
    return [user.email for user in found if check_password(PASSWORD, user.password)]
