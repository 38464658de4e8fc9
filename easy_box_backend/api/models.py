"""Tables, constraints, and facts about a row or a set of rows. The verbs that change them are in `actions/`."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import reduce
from operator import and_, or_
from typing import Any, Self, TypeVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import Group, PermissionsMixin
from django.db import connection, models
from django.db.models import Case, Exists, F, Func, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.base import ModelState
from django.db.models.functions import Coalesce, Lower, StrIndex
from django.db.models.lookups import Contains, GreaterThan, LessThan
from django.utils.translation import gettext_lazy as _

from api.texts import MAX_SKU, barcode_of, folded, gtins, skus_of, storable, tidy
from backend import prepared

M = TypeVar("M", bound=models.Model)

MAX_QUANTITY = 1_000_000
"""The most pieces that one operation can move: above any delivery, below a barcode typed into the quantity field."""

MAX_ON_HAND = 1_000_000_000
"""The most pieces of a product that can be on hand; negated, the fewest."""

EXACT = 2**53 - 1
"""The largest number that every JSON reader reads exactly (RFC 8259, section 6). The database allows up to this one,
since earlier releases allowed more than MAX_ON_HAND."""

MAX_NOTE = 2000
"""The most characters of a note to an order."""


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create an account. The e-mail is stored in lower case, since people type it in any case."""
        role = fields.pop("role", None)
        user = self.model(email=tidy(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        user.take_role(role or user.role)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=tidy(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Logs in by e-mail; `username` is the name shown on the app's home screen.

    one_time_digest, one_time_until: the one-time password that connects a phone (`actions/connecting.py`).
    totp_secret, totp_step: the second factor at the desk (`actions/second_factor.py`); "" without one.
    """

    class Role(models.TextChoices):
        PICKER = "picker", _("picker")
        STOREKEEPER = "storekeeper", _("storekeeper")
        MANAGER = "manager", _("manager")
        ADMINISTRATOR = "administrator", _("administrator")

    email = models.EmailField(_("e-mail"), unique=True)
    username = models.CharField(_("shown name"), max_length=150)
    is_active = models.BooleanField(
        _("may log in"), default=True, help_text=_("Take this away instead of deleting an account.")
    )
    is_staff = models.BooleanField(
        _("manager"), default=False, help_text=_("Sees the admin and settles discrepancies.")
    )
    date_joined = models.DateTimeField(_("since"), auto_now_add=True)
    one_time_digest = models.CharField(max_length=64, blank=True, editable=False, db_default="", default="")
    one_time_until = models.DateTimeField(null=True, blank=True, editable=False)
    totp_secret = models.CharField(max_length=64, blank=True, editable=False, db_default="", default="")
    totp_step = models.BigIntegerField(editable=False, db_default=0, default=0)

    objects = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["username"]

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        ordering = ["username", "id"]
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique_whatever_case")]

    def __str__(self) -> str:
        return self.username or self.email

    @property
    def role(self) -> str:
        """By the flags, which the database's look-up of a token reads, and below a manager by the group."""
        if self.is_superuser:
            return self.Role.ADMINISTRATOR
        if self.is_staff:
            return self.Role.MANAGER
        groups = {group.name for group in self.groups.all()} if self.pk else set()
        return self.Role.STOREKEEPER if self.Role.STOREKEEPER in groups else self.Role.PICKER

    def take_role(self, role: str) -> None:
        """Save a role. Only here are the flags and the group written, so that they agree."""
        self.is_superuser = role == self.Role.ADMINISTRATOR
        self.is_staff = role in (self.Role.MANAGER, self.Role.ADMINISTRATOR)
        self.save(update_fields=["is_staff", "is_superuser"])
        self.groups.set([Group.objects.get_or_create(name=role)[0]])

    @property
    def role_name(self) -> str:
        """The role in words."""
        return str(self.Role(self.role).label)

    @property
    def is_manager(self) -> bool:
        return self.is_staff or self.is_superuser

    @property
    def keeps_stock(self) -> bool:
        """Whether this person may set what is on hand: a storekeeper, a manager or an administrator."""
        return self.role != self.Role.PICKER

    def may_change(self, other: "User") -> bool:
        """Whether this person may change the other's account and devices: their own, as a manager a picker's, as an
        administrator anybody's."""
        return self.pk == other.pk or self.is_superuser or (self.is_staff and not other.is_manager)


class Device(models.Model):
    """One login: a phone with the app, or another program. It outlives its token, since history refers to it."""

    class Kind(models.TextChoices):
        APP = "app", _("Easy Box app")
        INTEGRATION = "integration", _("integration")

    user = models.ForeignKey(User, models.PROTECT, related_name="devices", verbose_name=_("person"))
    token = models.OneToOneField("knox.AuthToken", models.SET_NULL, null=True, blank=True, related_name="device")
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices, default=Kind.APP)
    name = models.CharField(_("name"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("first login"), auto_now_add=True)
    last_seen_at = models.DateTimeField(_("last seen"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    remembered: str | None = None
    """The state of its memory when the token was looked up (`auth/tokens.py`). None if there is none, or it was not
    read."""

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        ordering = ["-last_seen_at", "-id"]

    def __str__(self) -> str:
        return f"{self.name or self.get_kind_display()} #{self.pk}"

    @property
    def is_app(self) -> bool:
        return self.kind == self.Kind.APP


class KnownPlace(models.Model):
    """A network in which a person was logged in. There, wrong passwords of strangers do not lock the person out."""

    user = models.ForeignKey(User, models.CASCADE, related_name="places")
    network = models.CharField(max_length=50)
    seen_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "network"], name="known_place_once")]

    def __str__(self) -> str:
        return self.network


class Occurrence(models.Model):
    """An event with a rate limit (`limits.py`), such as a wrong password. It counts up to `until`."""

    key = models.CharField(max_length=64)
    until = models.DateTimeField(db_index=True)

    class Meta:
        indexes = [models.Index(fields=["key", "-until"], name="occurrence_key_until")]

    def __str__(self) -> str:
        return self.key


class DeviceMemory(models.Model):
    """What the server remembers of an app device, as one JSON document (see `phones/memory.py`)."""

    device = models.OneToOneField(Device, models.CASCADE, primary_key=True, related_name="memory")
    number = models.BigIntegerField(default=0, db_default=0)
    """Not used any more; a later release drops it (dev/expanding.py)."""
    state = models.TextField(default="{}")

    def __str__(self) -> str:
        return f"memory of {self.device_id}"


class Revision(models.Model):
    """The one revision counter, in one row (see `revision.py`)."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    value = models.BigIntegerField(default=0)
    epoch = models.CharField(max_length=32)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="revision_has_one_row")]

    def __str__(self) -> str:
        return f"{self.epoch}-{self.value}"


def _with_words(text: str, column: str) -> list[Q]:
    """Conditions that each word of `text` stands in this column of a ProductText. An article number may be written with
    fewer or more zeros."""
    words = [(word, *gtins(word)) for word in folded(storable(text)).split()]
    return [reduce(or_, (Q(**{f"{column}__holds": spelling}) for spelling in spellings)) for spellings in words]


def _on_shelf(shelf: str) -> Q:
    begins = (Q(location__istartswith=f"{shelf}{mark}") for mark in "-/. ")
    is_quick = Q(text__words__holds=f"\n{folded(shelf)}")  # which leaves few rows
    return is_quick & reduce(or_, begins, Q(location__iexact=shelf))


def loaded(model: type[M], names: Iterable[str], row: Iterable[Any], **related: models.Model) -> M:
    """A stored row with these attributes, and these rows that it refers to. Django loads others when they are read.

    As `Model.from_db`, in a fifth of its time: without the signals of a new object, which nobody hears.
    """
    found = model.__new__(model)
    found._state = ModelState()
    found._state.adding, found._state.db = False, "default"
    found._state.fields_cache.update(related)
    found.__dict__.update(zip(names, row, strict=True))
    return found


def _live_with(skus: Sequence[str]) -> "list[Product]":
    """The live products with one of these SKUs. On PostgreSQL by a prepared statement: a camera asks for a product
    several times a second."""
    if connection.vendor != "postgresql" or not skus:
        return list(Product.objects.live().filter(sku__in=skus))
    # One mark for each: PostgreSQL guesses how long an array is, and then plans anew for each one it gets.
    statement = f"{_LIVE_WITH} ({', '.join(['%s'] * len(skus))})"
    return [loaded(Product, _PRODUCT_NAMES, row) for row in prepared.rows(statement, skus)]


class ProductQuerySet(models.QuerySet["Product"]):
    def live(self) -> Self:
        """Those that are not archived."""
        return self.filter(archived_at__isnull=True)

    def on_shelves(self, shelves: Iterable[str]) -> Self:
        """Those on these shelves, in any case: A1 is also A1-01-02, but not A10."""
        return self.filter(reduce(or_, map(_on_shelf, map(storable, shelves)), Q(pk__in=[])))

    def matching(self, text: str) -> Self:
        """Those in whose SKU, name, location or barcodes each word of `text` stands, in any case, ё as е."""
        return self.filter(*_with_words(text, "text__words"))

    def low(self) -> Self:
        """Those with fewer on hand than their minimum."""
        return self.filter(quantity__lt=F("min_quantity"))

    def by_code(self, text: str) -> "Product | None":
        """The live product that a scanned or typed code means, None if there is none. Its `pack` is the pieces that the
        code stands for."""
        return self.with_code(skus_of(text))

    def with_code(self, codes: Sequence[str]) -> "Product | None":
        """The same for all that a code can mean, the likeliest first (`texts.skus_of`). A SKU goes before a barcode."""
        found = {product.sku: product for product in _live_with(codes)}
        if skus := [code for code in codes if code in found]:
            return found[skus[0]]
        wanted = list(dict.fromkeys(barcode_of(code) for code in codes))
        rows = {row.code: row for row in Barcode.objects.live().filter(code__in=wanted)}
        row = next((rows[code] for code in wanted if code in rows), None)
        if row is None:
            return None
        row.product.pack = row.pieces
        return row.product


class Product(models.Model):
    """A kind of goods. `quantity` is what is on hand: the sum of its movements, written only together with one."""

    sku = models.CharField(_("SKU"), max_length=MAX_SKU)
    name = models.CharField(_("name"), max_length=255)
    location = models.CharField(_("location"), max_length=100, blank=True, default="")
    quantity = models.BigIntegerField(_("on hand"), default=0, editable=False)
    min_quantity = models.PositiveIntegerField(_("minimum"), default=0, help_text=_("Warn when fewer are on hand."))
    image = models.ImageField(_("photo"), max_length=255, blank=True, upload_to="products")
    thumbnail = models.ImageField(_("thumbnail"), max_length=255, blank=True, upload_to="products", editable=False)
    unverified = models.BooleanField(
        _("unverified"),
        default=False,
        help_text=_("Made from an unknown barcode that a phone sent; give it a name."),
    )
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True, editable=False)
    revision = models.BigIntegerField(default=0, db_index=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = ProductQuerySet.as_manager()

    pack = 1
    """How many pieces the code stands for by which this row was found (`by_code`)."""

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["sku"], condition=Q(archived_at__isnull=True), name="product_sku_unique_among_live"
            ),
            models.CheckConstraint(condition=~Q(sku=""), name="product_has_sku"),
            models.CheckConstraint(condition=~Q(name=""), name="product_has_name"),
            models.CheckConstraint(
                condition=Q(quantity__gte=-EXACT, quantity__lte=EXACT), name="product_quantity_is_exact"
            ),
        ]
        indexes = [
            models.Index(fields=["sku"], name="product_sku"),
            # What the desk counts and lists, without reading the table. SQLite needs each column of the condition too.
            models.Index(
                fields=["id", "quantity", "min_quantity", "archived_at"],
                name="product_live_low",
                condition=Q(archived_at=None, quantity__lt=F("min_quantity")),
            ),
            models.Index(
                fields=["id", "unverified", "archived_at"],
                name="product_live_unverified",
                condition=Q(archived_at=None, unverified=True),
            ),
            models.Index(fields=["id"], condition=Q(archived_at__isnull=False), name="product_archived"),
            # By what the desk sorts.
            models.Index(fields=["location", "id"], condition=Q(archived_at=None), name="product_by_shelf"),
            models.Index(fields=["quantity", "id"], condition=Q(archived_at=None), name="product_by_quantity"),
        ]

    def __str__(self) -> str:
        return f"{self.sku} · {self.name}"

    @property
    def is_archived(self) -> bool:
        return self.archived_at is not None


_PRODUCT_NAMES = [field.attname for field in Product._meta.concrete_fields]
_LIVE_WITH = (
    f"SELECT {', '.join(field.column for field in Product._meta.concrete_fields)} FROM api_product"  # noqa: S608
    " WHERE archived_at IS NULL AND sku IN"
)


@models.TextField.register_lookup
class Holds(Contains):
    """`contains`, but case-sensitive on SQLite too, where LIKE is a Python function (`backend/sqlite.py`) and slow."""

    lookup_name = "holds"

    def get_rhs_op(self, connection: Any, rhs: str) -> str:
        return str(connection.operators["contains"] % rhs)

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        column, parameters = self.process_lhs(compiler, connection)
        return f"INSTR({column}, %s) > 0", [*parameters, self.rhs]


class Unindexed(Func):
    """A column to sort by as an expression, which no index has. On PostgreSQL, which would otherwise read the rows in
    the order of an index until enough of them match, instead of looking up those few that do."""

    template = "COALESCE(%(expressions)s, NULL)"

    def as_sqlite(self, compiler: Any, connection: Any, **_more: Any) -> Any:
        return self.as_sql(compiler, connection, template="%(expressions)s")


class ProductTextQuerySet(models.QuerySet["ProductText"]):
    def matching(self, text: str) -> Self:
        """Those of the products that `ProductQuerySet.matching` finds. SQLite sorts these quicker by name."""
        return self.filter(*_with_words(text, "words"))

    def live(self) -> Self:
        """Those of products that are not archived. Asks for the few that are, so that the others need not be read."""
        return self.exclude(Exists(Product.objects.filter(pk=OuterRef("pk"), archived_at__isnull=False)))


class ProductText(models.Model):
    """By what a product is searched and sorted, as `texts.folded`; the actions write it with each description.

    A table of its own, since it is read as a whole, and since every receipt would otherwise write to its index.
    name: the beginning, for sorting. words: SKU, name, location and barcodes, one a line.
    """

    product = models.OneToOneField(Product, models.CASCADE, primary_key=True, related_name="text")
    name = models.CharField(max_length=100)
    words = models.TextField()

    objects = ProductTextQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["name", "product"], name="product_text_by_name")]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def of(cls, product: Product, codes: Iterable[str]) -> Self:
        """The row, not saved, of a product with these barcodes."""
        words = "\n".join([product.sku, product.name, product.location, *codes])
        return cls(product=product, name=folded(product.name)[:100], words=folded(words))


class BarcodeQuerySet(models.QuerySet["Barcode"]):
    def live(self) -> Self:
        """Those of products that are not archived, with the products. An archived product's are free."""
        return self.filter(product__archived_at__isnull=True).select_related("product")


class Barcode(models.Model):
    """A code on a product's labels besides its SKU, such as the manufacturer's. Stored as `texts.barcode_of` says.

    pieces: how many the label stands for, as on the carton of a dozen.
    """

    product = models.ForeignKey(Product, models.PROTECT, related_name="barcodes", verbose_name=_("product"))
    code = models.CharField(_("barcode"), max_length=MAX_SKU, unique=True)
    pieces = models.PositiveIntegerField(_("pieces per pack"), default=1)

    objects = BarcodeQuerySet.as_manager()

    class Meta:
        verbose_name = _("barcode")
        verbose_name_plural = _("barcodes")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=~Q(code=""), name="barcode_has_code"),
            models.CheckConstraint(condition=Q(pieces__gte=1), name="barcode_has_pieces"),
        ]

    def __str__(self) -> str:
        return self.code if self.pieces == 1 else f"{self.code} × {self.pieces}"


class ProductVersion(models.Model):
    """A product's descriptive fields from a revision on: its audit log, and the base of merges.

    min_quantity, barcodes (pieces by code): None in those before barcodes came.
    """

    product = models.ForeignKey(Product, models.PROTECT, related_name="versions", verbose_name=_("product"))
    revision = models.BigIntegerField()
    sku = models.CharField(_("SKU"), max_length=MAX_SKU)
    name = models.CharField(_("name"), max_length=255)
    location = models.CharField(_("location"), max_length=100, blank=True)
    image = models.CharField(_("photo"), max_length=255, blank=True)
    min_quantity = models.PositiveIntegerField(_("minimum"), null=True)
    barcodes = models.JSONField(_("barcodes"), null=True)
    archived = models.BooleanField(_("archived"), default=False)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("person"))
    device = models.ForeignKey(Device, models.PROTECT, null=True, related_name="+", verbose_name=_("device"))
    changed_at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("product version")
        verbose_name_plural = _("product versions")
        ordering = ["product_id", "revision"]
        constraints = [models.UniqueConstraint(fields=["product", "revision"], name="product_version_once")]
        indexes = [models.Index(fields=["sku"], name="product_version_sku")]

    def __str__(self) -> str:
        return f"{self.sku} @{self.revision}"


class OrderQuerySet(models.QuerySet["Order"]):
    def live(self) -> Self:
        return self.filter(archived_at__isnull=True)

    def waiting_for(self, product_id: int) -> Self:
        """Running orders with a line of this product."""
        there = OrderLine.objects.filter(product_id=product_id, removed_at__isnull=True)
        return self.live().filter(status__in=Order.RUNNING, id__in=there.values("order_id"))

    def sought(self, text: str) -> Self:
        """Those with this number, with all its words in outside number and customer, or with this product (its SKU or
        barcode). The number comes first, then the outside number, the customer, and the product."""
        text, nothing = storable(text).strip(), Q(pk__in=[])
        number, product = re.fullmatch(r"[#№]?\s*([0-9]{1,18})", text), Product.objects.by_code(text)
        exactly = Q(id=int(number[1])) if number else nothing
        words = [Q(words__holds=word) for word in folded(text).split()]
        with_words = reduce(and_, words) if words else nothing
        lines = OrderLine.objects.filter(product=product, removed_at__isnull=True).values("order_id")
        with_product = Q(id__in=lines) if product else nothing
        place = StrIndex("words", Value(folded(text)))
        is_outside = Q(GreaterThan(place, 0)) & Q(LessThan(place, StrIndex("words", Value("\n"))))
        rank = [When(exactly, then=0), When(outside_number=text, then=1)]
        rank += [When(~Q(outside_number="") & is_outside, then=2), *([When(with_words, then=3)] if product else [])]
        found = self.filter(exactly | with_words | with_product)
        return found.order_by(Case(*rank, default=4), "-id")

    def as_in_the_app(self, since: datetime) -> Self:
        """Running orders, the oldest first; behind them those finished or cancelled that changed since then, the
        newest first."""
        running = Q(status__in=Order.RUNNING)
        place = Case(When(running, then=F("id"))).asc(nulls_last=True)
        return self.live().filter(running | Q(updated_at__gte=since)).order_by(place, "-revision", "-id")


class Order(models.Model):
    """What a customer ordered. Created by a manager, picked with the app.

    words: outside number and customer, one a line, as `texts.folded`. By these it is searched.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        IN_PROGRESS = "inProgress", _("in progress")
        PICKED = "picked", _("picked")
        CANCELLED = "cancelled", _("cancelled")

    RUNNING = (Status.OPEN, Status.IN_PROGRESS)

    customer_name = models.CharField(_("customer"), max_length=255)
    outside_number = models.CharField(
        _("outside number"), max_length=100, blank=True, default="", db_default="",
        help_text=_("The order's number in another program or shop."),
    )  # fmt: skip
    due_on = models.DateField(_("due on"), null=True, blank=True)
    note = models.TextField(_("note"), max_length=MAX_NOTE, blank=True, default="", db_default="")
    words = models.TextField(default="", db_default="", editable=False)
    status = models.CharField(_("status"), max_length=12, choices=Status.choices, default=Status.OPEN)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True, editable=False)
    revision = models.BigIntegerField(default=0, db_index=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["open", "inProgress", "picked", "cancelled"]),
                name="order_status_known",
            )
        ]
        indexes = [models.Index(fields=["status"], condition=Q(archived_at__isnull=True), name="order_live_by_status")]

    def __str__(self) -> str:
        return f"#{self.pk} {self.customer_name}"


class OrderDraft(models.Model):
    """What a manager has typed into a new order, or changed in an order (`order`), and has not saved yet.

    In the database, so that it survives a log-out (see `actions/drafts.py`).
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="drafts")
    order = models.ForeignKey("Order", models.CASCADE, null=True, related_name="drafts")
    content = models.JSONField(default=dict)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "order"], name="order_draft_once"),
            models.UniqueConstraint(fields=["user"], condition=Q(order=None), name="order_draft_one_new"),
        ]

    def __str__(self) -> str:
        return f"draft of {self.user_id}"


class OrderLineQuerySet(models.QuerySet["OrderLine"]):
    def promised(self, products: Iterable[int], *, besides: int | None = None) -> dict[int, int]:
        """By product: the pieces that running orders still wait for. besides: an order that does not count.

        Without the products that nobody waits for.
        """
        waiting = self.filter(
            product_id__in=products, removed_at__isnull=True, quantity_to_pick__gt=F("quantity_picked"),
            order__status__in=Order.RUNNING, order__archived_at__isnull=True,
        ).exclude(order=besides)  # fmt: skip
        missing = Sum(F("quantity_to_pick") - F("quantity_picked"))
        return dict(waiting.order_by().values_list("product_id").annotate(missing=missing))


class OrderLine(models.Model):
    """A product in an order. Keeps the product's name and SKU as ordered. A removed line stays, with 0 picked."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="lines", verbose_name=_("order"))
    product = models.ForeignKey(Product, models.PROTECT, related_name="order_lines", verbose_name=_("product"))
    sku = models.CharField(_("SKU"), max_length=MAX_SKU)
    name = models.CharField(_("name"), max_length=255)
    quantity_to_pick = models.PositiveIntegerField(_("to pick"))
    quantity_picked = models.PositiveIntegerField(_("picked"), default=0)
    removed_at = models.DateTimeField(_("removed"), null=True, blank=True, editable=False)

    objects = OrderLineQuerySet.as_manager()

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "product"], name="order_line_once_per_product"),
            models.CheckConstraint(
                condition=Q(removed_at__isnull=True) | Q(quantity_picked=0),
                name="order_line_removed_holds_nothing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku} × {self.quantity_to_pick}"


class OrderVersion(models.Model):
    """An order from a revision on: its audit log, and the base of merges.

    `lines` is a list of `{"product": id, "quantity_to_pick": n, "quantity_picked": n}`.
    """

    order = models.ForeignKey(Order, models.PROTECT, related_name="versions", verbose_name=_("order"))
    revision = models.BigIntegerField()
    customer_name = models.CharField(_("customer"), max_length=255)
    outside_number = models.CharField(_("outside number"), max_length=100, blank=True, default="", db_default="")
    due_on = models.DateField(_("due on"), null=True)
    note = models.TextField(_("note"), blank=True, default="", db_default="")
    status = models.CharField(_("status"), max_length=12, choices=Order.Status.choices)
    lines = models.JSONField(_("lines"), default=list)
    archived = models.BooleanField(_("archived"), default=False)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("person"))
    device = models.ForeignKey(Device, models.PROTECT, null=True, related_name="+", verbose_name=_("device"))
    changed_at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("order version")
        verbose_name_plural = _("order versions")
        ordering = ["order_id", "revision"]
        constraints = [models.UniqueConstraint(fields=["order", "revision"], name="order_version_once")]

    def __str__(self) -> str:
        return f"#{self.order_id} @{self.revision}"


class StockMovementQuerySet(models.QuerySet["StockMovement"]):
    def not_reversed(self) -> Self:
        """Neither reversed nor a reversal. By the kind: for "reverses IS NULL" SQLite would take that column's index,
        and with it nearly all rows."""
        return self.filter(~Q(kind=StockMovement.Kind.REVERSAL), reversed_by__isnull=True)

    def counts(self) -> Self:
        """Valid stocktakes, the latest first."""
        return self.filter(counted__isnull=False).not_reversed().order_by("-occurred_at", "-id")

    def events(self) -> Self:
        """What happened in the warehouse and is valid: neither counts nor what was reversed."""
        return self.exclude(kind=StockMovement.Kind.COUNT).not_reversed()

    def behind(self, count: "StockMovement") -> Self:
        """What that count does not include (see `StockMovement.includes`)."""
        return self.filter(
            Q(occurred_at__gt=count.occurred_at) | Q(id__gt=count.pk, occurred_at=F("recorded_at")),
        )


class StockMovement(models.Model):
    """One change of what is on hand. Append-only: a mistake is reversed by another movement.

    counted: for a stocktake, how many pieces were there at `occurred_at`. A movement of the kind `count` without it
    compensates for a movement that a count includes but that is booked or reversed after it. Only counts and their
    reversals can have a change of 0.
    """

    class Kind(models.TextChoices):
        RECEIPT = "receipt", _("receipt")
        PICK = "pick", _("pick")
        ADJUSTMENT = "adjustment", _("adjustment")
        COUNT = "count", _("count")
        RETURN = "return", _("return")
        REVERSAL = "reversal", _("reversal")

    product = models.ForeignKey(
        Product, models.PROTECT, related_name="movements", db_index=False, verbose_name=_("product")
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    quantity_delta = models.BigIntegerField(_("change"))
    quantity_after = models.BigIntegerField(_("on hand after"))
    counted = models.BigIntegerField(_("counted"), null=True)
    reason = models.CharField(_("reason"), max_length=255, blank=True)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("person"))
    device = models.ForeignKey(Device, models.PROTECT, null=True, related_name="movements", verbose_name=_("device"))
    order_line = models.ForeignKey(
        OrderLine, models.PROTECT, null=True, related_name="movements", verbose_name=_("order line")
    )
    reverses = models.OneToOneField(
        "self", models.PROTECT, null=True, related_name="reversed_by", verbose_name=_("reverses")
    )
    op_key = models.CharField(max_length=255, null=True, unique=True)
    revision = models.BigIntegerField(db_index=True)
    occurred_at = models.DateTimeField(_("happened"))
    recorded_at = models.DateTimeField(_("recorded"))

    objects = StockMovementQuerySet.as_manager()

    class Meta:
        verbose_name = _("stock movement")
        verbose_name_plural = _("stock movements")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(quantity_delta=0) | Q(kind__in=["count", "reversal"]),
                name="stock_movement_moves_or_counts",
            ),
            models.CheckConstraint(
                condition=Q(kind="reversal", reverses__isnull=False) | (~Q(kind="reversal") & Q(reverses__isnull=True)),
                name="stock_movement_reversal_names_what",
            ),
        ]
        indexes = [
            models.Index(F("product"), F("id").desc(), name="stock_movement_product_latest"),
            models.Index(fields=["product", "occurred_at"], name="stock_movement_since"),
            models.Index(fields=["recorded_at", "quantity_delta"], name="stock_movement_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity_delta:+d} {self.get_kind_display()}"

    @property
    def is_part_of_count(self) -> bool:
        """Whether this only compensates for another movement. It is never reversed by itself."""
        return self.kind == self.Kind.COUNT and self.counted is None

    def includes(self, other: "StockMovement") -> bool:
        """Whether this count was taken after what the other movement records had happened.

        A movement that was booked at once, and after the count, had not happened yet, whatever the clocks say.
        """
        as_it_happened = other.occurred_at == other.recorded_at
        return other.occurred_at <= self.occurred_at and not (as_it_happened and other.pk > self.pk)


class Count(models.Model):
    """A stocktake: the sheet of what is to be counted, what was counted, and whether it has been posted.

    chosen: the shelves that were chosen, as typed; "*" for the whole warehouse, "" for single products.
    blind: whoever counts does not see how many there should be.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("being counted")
        POSTED = "posted", _("posted")
        CANCELLED = "cancelled", _("cancelled")

    chosen = models.CharField(_("chosen"), max_length=255, blank=True)
    blind = models.BooleanField(_("blind"), default=False)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.OPEN)
    started_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("started by"))
    started_at = models.DateTimeField(_("started"))
    posted_at = models.DateTimeField(_("posted"), null=True)

    class Meta:
        verbose_name = _("stocktake")
        verbose_name_plural = _("stocktakes")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"#{self.pk} {self.chosen}".strip()

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.OPEN


class CountLineQuerySet(models.QuerySet["CountLine"]):
    def by_shelf(self) -> Self:
        return self.order_by("product__location", "product__sku", "id")

    def compared(self) -> Self:
        """With `expected`, what should have been there when it was counted (now, while it is not counted), and
        `difference`, what posting books: by how much the quantity on hand is wrong.

        Computed as `actions.counts.count` does: what has moved since is no difference, and if a later count is valid
        there is none. A posted line says what was booked.
        """
        movements = StockMovement.objects.filter(product=OuterRef("product"))
        later = movements.counts().filter(occurred_at__gt=OuterRef("counted_at"))
        since = movements.events().filter(occurred_at__gt=OuterRef("counted_at")).order_by()
        moved = since.values("product").annotate(total=Sum("quantity_delta")).values("total")
        expected = F("product__quantity") - Coalesce(Subquery(moved), 0)
        posted = Q(movement__isnull=False)
        return self.annotate(
            expected=Case(When(posted, then=F("counted") - F("movement__quantity_delta")), default=expected),
            difference=Case(
                When(posted, then=F("movement__quantity_delta")),
                When(Exists(later), then=0),
                default=F("counted") - expected,
            ),
        )

    def differing(self) -> Self:
        """Those whose quantity on hand is wrong."""
        return self.compared().filter(~Q(difference=0), counted__isnull=False)


class CountLine(models.Model):
    """A product on the sheet of a stocktake. movement: the count in the ledger, once it is posted."""

    expected: int
    difference: int | None

    count = models.ForeignKey(Count, models.PROTECT, related_name="lines", verbose_name=_("stocktake"))
    product = models.ForeignKey(Product, models.PROTECT, related_name="count_lines", verbose_name=_("product"))
    counted = models.BigIntegerField(_("counted"), null=True)
    counted_at = models.DateTimeField(_("when"), null=True)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("person"))
    device = models.ForeignKey(Device, models.PROTECT, null=True, related_name="+", verbose_name=_("device"))
    movement = models.OneToOneField(StockMovement, models.PROTECT, null=True, related_name="count_line")

    objects = CountLineQuerySet.as_manager()

    class Meta:
        verbose_name = _("line of a stocktake")
        verbose_name_plural = _("lines of a stocktake")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["count", "product"], name="count_line_once_per_product"),
            models.CheckConstraint(
                condition=Q(counted__isnull=True, counted_at__isnull=True)
                | Q(counted__isnull=False, counted_at__isnull=False),
                name="count_line_says_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product_id}: {self.counted}"


class DiscrepancyQuerySet(models.QuerySet["Discrepancy"]):
    def open(self) -> Self:
        return self.filter(status=Discrepancy.Status.OPEN)


class Discrepancy(models.Model):
    """An unclear case, with all its facts, for a manager to settle."""

    class Kind(models.TextChoices):
        NAME_DIFFERS = "name_differs", _("one SKU, two names")
        SKU_TAKEN = "sku_taken", _("SKU taken")
        UNKNOWN_SKU = "unknown_sku", _("unknown barcode")
        ARCHIVED_STOCK = "archived_stock", _("goods of an archived product")
        QUANTITY_GUESS = "quantity_guess", _("uncertain quantity")
        UNKNOWN_PRODUCT = "unknown_product", _("unknown product")
        POSSIBLE_DUPLICATE = "possible_duplicate", _("possibly sent twice")
        OVER_PICKED = "over_picked", _("more picked than ordered")
        PICKED_TWICE = "picked_twice", _("picked twice")
        PICKED_AFTER_CANCEL = "picked_after_cancel", _("picked after cancellation")
        NEGATIVE_STOCK = "negative_stock", _("quantity on hand below zero")
        IMPLAUSIBLE_QUANTITY = "implausible_quantity", _("implausible quantity")
        SHORT_PICKED = "short_picked", _("fewer picked than ordered")
        UNKNOWN_ORDER = "unknown_order", _("unknown order")
        KEPT_IN_PART = "kept_in_part", _("not saved completely")
        DELETION_ASKED = "deletion_asked", _("deletion requested")

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        APPLIED = "applied", _("applied")
        REVERSED = "reversed", _("reversed")
        DISMISSED = "dismissed", _("dismissed")

    kind = models.CharField(_("kind"), max_length=24, choices=Kind.choices)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.OPEN)
    product = models.ForeignKey(
        Product, models.PROTECT, null=True, related_name="discrepancies", verbose_name=_("product")
    )
    order = models.ForeignKey(Order, models.PROTECT, null=True, related_name="discrepancies", verbose_name=_("order"))
    sku = models.CharField(_("SKU"), max_length=MAX_SKU, blank=True)
    facts = models.JSONField(_("facts"), default=dict)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("person"))
    device = models.ForeignKey(Device, models.PROTECT, null=True, related_name="+", verbose_name=_("device"))
    created_at = models.DateTimeField(_("when"))
    resolved_at = models.DateTimeField(_("settled"), null=True, blank=True)
    resolved_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("settled by"))
    note = models.TextField(_("note"), blank=True)

    objects = DiscrepancyQuerySet.as_manager()

    class Meta:
        verbose_name = _("discrepancy")
        verbose_name_plural = _("discrepancies")
        ordering = ["-id"]
        indexes = [models.Index(fields=["status", "-id"], name="discrepancy_open_first")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.sku}".strip()


class SentForm(models.Model):
    """A form of the admin that was sent. A duplicate, as by a double click, gets the same answer and has no effect
    (see `actions/once.py`). answer: None while the first is being handled."""

    key = models.CharField(max_length=64, primary_key=True)
    answer = models.JSONField(null=True)
    sent_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key


class AlertQuerySet(models.QuerySet["Alert"]):
    def open(self) -> Self:
        """Those that are still to be sent."""
        return self.filter(sent_at__isnull=True, dropped_at__isnull=True)

    def due(self, at: datetime) -> Self:
        return self.open().filter(Q(next_try_at__isnull=True) | Q(next_try_at__lte=at))


class Alert(models.Model):
    """A message to people, saved in the transaction that causes it. The worker sends it.

    key: repeats with the same key are counted here until this one is sent. next_try_at: when it may be sent; while a
    worker is sending it, when the claim ends. claim: names that worker's batch.
    """

    kind = models.CharField(max_length=40)
    facts = models.JSONField(default=dict)
    key = models.CharField(max_length=200, blank=True, default="", db_default="")
    count = models.PositiveIntegerField(default=1, db_default=1)
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    claim = models.CharField(max_length=32, blank=True, default="", db_default="")
    error = models.CharField(max_length=500, blank=True, default="", db_default="")
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    dropped_at = models.DateTimeField(null=True, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["id"], condition=Q(sent_at__isnull=True), name="alert_unsent"),
            models.Index(fields=["key", "sent_at"], name="alert_key_sent"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["key"],
                condition=~Q(key="") & Q(sent_at__isnull=True, dropped_at__isnull=True),
                name="alert_once_by_key_while_open",
            )
        ]

    def __str__(self) -> str:
        return self.kind


class Job(models.Model):
    """When a regular job is due, and how its last run went. In the database, so that several workers share it."""

    name = models.CharField(max_length=40, primary_key=True)
    due_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ok = models.BooleanField(null=True)
    report = models.JSONField(default=dict)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ClientError(models.Model):
    """An error that a phone reported. Repeated errors are one row with a count.

    user, device: who probably sent the latest (`actions/reports.py`); the report itself bears no token.
    """

    fingerprint = models.CharField(max_length=64, unique=True, editable=False)
    message = models.TextField(_("message"))
    count = models.PositiveIntegerField(_("times"), default=1)
    user_agent = models.CharField(_("program"), max_length=255, blank=True)
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", verbose_name=_("person"))
    device = models.ForeignKey(Device, models.SET_NULL, null=True, related_name="+", verbose_name=_("device"))
    first_seen_at = models.DateTimeField(_("first seen"))
    last_seen_at = models.DateTimeField(_("last seen"), db_index=True)

    class Meta:
        verbose_name = _("client error")
        verbose_name_plural = _("client errors")
        ordering = ["-last_seen_at"]

    def __str__(self) -> str:
        return self.message[:80]


class Import(models.Model):
    """A sheet that somebody uploaded (`actions/imports.py`).

    content: the file, until it is booked. reading: how the file is read (`imports.Reading`). report: what the last
    check found. did: what was booked, for the undoing; only of the last one. revision: of what was booked.
    """

    class Kind(models.TextChoices):
        PRODUCTS = "products", _("products")
        STOCK = "stock", _("counted stock")
        BARCODES = "barcodes", _("barcodes")
        ORDERS = "orders", _("orders")

    class Status(models.TextChoices):
        NEW = "new", _("not checked")
        CHECKED = "checked", _("checked")
        DONE = "done", _("imported")
        UNDONE = "undone", _("taken back")

    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.NEW)
    file_name = models.CharField(_("file"), max_length=255)
    content = models.BinaryField(null=True)
    reading = models.JSONField(default=dict)
    report = models.JSONField(default=dict)
    did = models.JSONField(default=dict)
    revision = models.BigIntegerField(null=True)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("person"))
    created_at = models.DateTimeField(_("when"))
    done_at = models.DateTimeField(_("imported"), null=True)
    undone_at = models.DateTimeField(_("taken back"), null=True)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.file_name


class SheetColumns(models.Model):
    """Which columns of sheets with these headers hold which fields, as somebody chose last.

    headers: `sheets.columns.digest`. columns: the wording of the header by field.
    """

    kind = models.CharField(max_length=12, choices=Import.Kind.choices)
    headers = models.CharField(max_length=64)
    columns = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "headers"], name="sheet_columns_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.headers[:8]}"
