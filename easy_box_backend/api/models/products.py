"""Products, their barcodes, and how they are searched."""

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_
from typing import Any, Self

from django.db import connection, models
from django.db.models import Exists, F, Func, OuterRef, Q
from django.db.models.lookups import Contains
from django.utils.translation import gettext_lazy as _

from api.models.accounts import Device, User
from api.models.base import EXACT, loaded
from api.texts import MAX_SKU, barcode_of, folded, gtins, skus_of, storable
from backend import prepared


def _with_words(text: str, column: str) -> list[Q]:
    """Conditions that each word of `text` is contained in this column of a ProductText. An article number may have
    fewer or more leading zeros."""
    words = [(word, *gtins(word)) for word in folded(storable(text)).split()]
    return [reduce(or_, (Q(**{f"{column}__holds": spelling}) for spelling in spellings)) for spellings in words]


def _on_shelf(shelf: str) -> Q:
    begins = (Q(location__istartswith=f"{shelf}{mark}") for mark in "-/. ")
    narrowed = Q(text__words__holds=f"\n{folded(shelf)}")  # a quick condition, which leaves few rows for the others
    return narrowed & reduce(or_, begins, Q(location__iexact=shelf))


def _live_with(skus: Sequence[str]) -> "list[Product]":
    """The live products with one of these SKUs. On PostgreSQL by a prepared statement: a camera asks for a product
    several times a second."""
    if connection.vendor != "postgresql" or not skus:
        return list(Product.objects.live().filter(sku__in=skus))
    # One placeholder for each SKU: for an array, PostgreSQL would guess its length, and plan anew for each one.
    statement = f"{_LIVE_WITH} ({', '.join(['%s'] * len(skus))})"
    return [loaded(Product, _PRODUCT_NAMES, row) for row in prepared.rows(statement, skus)]


class ProductQuerySet(models.QuerySet["Product"]):
    def live(self) -> Self:
        """Products that are not archived."""
        return self.filter(archived_at__isnull=True)

    def on_shelves(self, shelves: Iterable[str]) -> Self:
        """Products on these shelves, in upper or lower case: A1 is also A1-01-02, but not A10."""
        return self.filter(reduce(or_, map(_on_shelf, map(storable, shelves)), Q(pk__in=[])))

    def matching(self, text: str) -> Self:
        """Products whose SKU, name, location or barcodes contain each word of `text`, in any case and with ё as е."""
        return self.filter(*_with_words(text, "text__words"))

    def low(self) -> Self:
        """Products with fewer pieces on hand than their minimum."""
        return self.filter(quantity__lt=F("min_quantity"))

    def by_code(self, text: str) -> "Product | None":
        """The live product that a scanned or typed code means, None if there is none. Its `pack` is how many pieces the
        code stands for."""
        return self.with_code(skus_of(text))

    def with_code(self, codes: Sequence[str]) -> "Product | None":
        """As `by_code`, for the codes that a text can mean, the likeliest first (`texts.skus_of`). A SKU wins over a
        barcode."""
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
    """If the product was found by a code (`by_code`): how many pieces this code stands for."""

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
            # For what the desk counts and lists, without reading the table. SQLite needs the condition's columns too.
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
            # For the orders in which the desk sorts.
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
    """A column to sort by, as an expression for which there is no index. PostgreSQL would otherwise read the rows in
    the order of the column's index until enough of them match, instead of looking up the few that do."""

    template = "COALESCE(%(expressions)s, NULL)"

    def as_sqlite(self, compiler: Any, connection: Any, **_more: Any) -> Any:
        return self.as_sql(compiler, connection, template="%(expressions)s")


class ProductTextQuerySet(models.QuerySet["ProductText"]):
    def matching(self, text: str) -> Self:
        """The texts of the products that `ProductQuerySet.matching` finds. SQLite sorts these quicker by name."""
        return self.filter(*_with_words(text, "words"))

    def live(self) -> Self:
        """The texts of products that are not archived. The query looks for the few archived ones, so that it need not
        read all products."""
        return self.exclude(Exists(Product.objects.filter(pk=OuterRef("pk"), archived_at__isnull=False)))


class ProductText(models.Model):
    """The texts by which a product is searched and sorted, as `texts.folded`; the actions write it with each
    description.

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
        """Barcodes of products that are not archived, with the products. Those of an archived product are free."""
        return self.filter(product__archived_at__isnull=True).select_related("product")


class Barcode(models.Model):
    """A code on a product's labels besides its SKU, such as the manufacturer's. It is stored as `texts.barcode_of`
    returns it.

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
    """A product's descriptive fields as they were from a revision on: the audit log, and the base of merges.

    min_quantity, barcodes (pieces by code): None in versions from before there were barcodes.
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
