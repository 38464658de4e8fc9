"""Validation of requests (serializers) and the JSON of answers (plain functions: a ModelSerializer costs many times the
CPU, see docs/architecture.md)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from api import images, texts
from api.actions.orders import Line
from api.discrepancies.kinds import Answer, Told
from api.errors import Busy
from api.models import (
    MAX_NOTE,
    MAX_ON_HAND,
    MAX_QUANTITY,
    Barcode,
    Count,
    CountLine,
    Device,
    Discrepancy,
    Order,
    StockMovement,
    User,
)

PRODUCT_FIELDS = (
    "id", "sku", "name", "location", "quantity", "min_quantity", "unverified", "image", "thumbnail", "archived_at",
    "revision", "updated_at",
)  # fmt: skip
LINE_FIELDS = (
    "order_id", "product_id", "quantity_to_pick", "quantity_picked", "name", "sku", "product__name", "product__sku",
    "product__location", "product__image", "product__thumbnail",
)  # fmt: skip
FOR_PROGRAMS = ("outside_number", "due_on", "note")
"""What an order's JSON has for programs only. The app's answers stay as they are, byte for byte."""


# --- Answers ------------------------------------------------------------------------------------------------------
def product_json(row: Mapping[str, Any], photos: str) -> dict[str, Any]:
    """A product as the app reads it (docs/flutter-app.md, section 2), from its PRODUCT_FIELDS.

    photos: the prefix that makes a stored photo's name an absolute URL.
    """
    return {
        "id": row["id"],
        "name": row["name"],
        "sku": row["sku"],
        "quantity": row["quantity"],
        "location": row["location"] or None,
        "image_url": photos + row["image"] if row["image"] else None,
        "thumbnail_url": photos + row["thumbnail"] if row["thumbnail"] else None,
        "min_quantity": row["min_quantity"],
        "unverified": row["unverified"],
        "archived": row["archived_at"] is not None,
        "revision": row["revision"],
        "updated_at": row["updated_at"],
    }


def barcode_json(row: Barcode) -> dict[str, Any]:
    return {"code": row.code, "pieces": row.pieces, "check_digit_ok": texts.check_digit_ok(row.code)}


def order_json(
    row: Mapping[str, Any], lines: Iterable[Mapping[str, Any]], photos: str, *, for_app: bool
) -> dict[str, Any]:
    """An order as the app reads it, from its row and the LINE_FIELDS of its lines; for programs with FOR_PROGRAMS."""
    running = row["status"] in Order.RUNNING
    more = {} if for_app else {name: row[name] for name in FOR_PROGRAMS}
    return {
        "id": row["id"],
        "customer_name": row["customer_name"],
        "status": row["status"],
        "lines": [line_json(line, photos, running=running) for line in lines],
        "revision": row["revision"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        **more,
    }


def line_json(line: Mapping[str, Any], photos: str, *, running: bool) -> dict[str, Any]:
    """An order line. While the order is running, it has the product's current name and SKU, as on the shelf and in
    the scanner; afterwards those under which it was picked."""
    source = "product__" if running else ""
    image, thumbnail = line["product__image"], line["product__thumbnail"]
    return {
        "product": {
            "id": line["product_id"],
            "name": line[f"{source}name"],
            "sku": line[f"{source}sku"],
            "location": line["product__location"] or None,
            "image_url": photos + image if image else None,
            "thumbnail_url": photos + thumbnail if thumbnail else None,
        },
        "quantity_to_pick": line["quantity_to_pick"],
        "quantity_picked": line["quantity_picked"],
    }


DEVICE_FIELDS = ("id", "name", "kind", "user_id", "created_at", "last_seen_at", "revoked_at")
USER_FIELDS = ("id", "username", "email", "is_staff", "is_active")
MOVEMENT_FIELDS = (
    "id", "product_id", "kind", "quantity_delta", "quantity_after", "counted", "reason", "user_id", "device_id",
    "reverses_id", "revision", "occurred_at", "recorded_at",
)  # fmt: skip
COUNT_FIELDS = ("id", "chosen", "blind", "status", "started_by_id", "started_at", "posted_at")
DISCREPANCY_FIELDS = (
    "id", "kind", "status", "product_id", "sku", "order_id", "device_id", "user_id", "facts", "created_at",
    "resolved_at", "note",
)  # fmt: skip


def _fields(row: object, names: Iterable[str]) -> dict[str, Any]:
    """These fields of a row or an object. The id of another row is named without `_id`."""
    return {name.removesuffix("_id"): getattr(row, name) for name in names}


def device_json(device: Device, current: Device) -> dict[str, Any]:
    return {**_fields(device, DEVICE_FIELDS), "current": device.pk == current.pk}


def user_json(user: User) -> dict[str, Any]:
    return _fields(user, USER_FIELDS)


def movement_json(movement: StockMovement) -> dict[str, Any]:
    order = movement.order_line.order_id if movement.order_line else None
    return {**_fields(movement, MOVEMENT_FIELDS), "order": order}


def count_json(count: Count) -> dict[str, Any]:
    return _fields(count, COUNT_FIELDS)


def count_line_json(line: CountLine, *, hidden: bool) -> dict[str, Any]:
    """A line of a stocktake, of `CountLineQuerySet.compared`. hidden: without what should be there."""
    product = line.product
    return {
        **_fields(line, ("product_id", "counted", "counted_at", "user_id", "device_id")),
        "sku": product.sku,
        "name": product.name,
        "location": product.location or None,
        "expected": None if hidden else line.expected,
        "difference": None if hidden else line.difference,
    }


def discrepancy_json(told: Told) -> dict[str, Any]:
    """A discrepancy with its description: `facts` are stored, `details` are the same with labels for people."""
    return {
        **_fields(told.row, DISCREPANCY_FIELDS), "label": told.label, "sentence": told.sentence, "details": told.facts,
        "answers": [answer_json(answer) for answer in told.answers],
    }  # fmt: skip


def answer_json(answer: Answer) -> dict[str, Any]:
    """A possible answer to a discrepancy, with the values before and after."""
    changes = [
        {"what": change.what, "product": change.product.pk, "sku": change.product.sku, "before": change.before,
         "after": change.after}
        for change in answer.changes
    ]  # fmt: skip
    return {
        "action": answer.action,
        "text": answer.text,
        "changes": changes,
        "asks": answer.asks,
        "token": answer.token,
    }


# --- Parts of requests --------------------------------------------------------------------------------------------
class Whole(serializers.IntegerField):
    """An integer, or its digits as in a form. Fractions, booleans and words are refused."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or (isinstance(data, float) and not data.is_integer()):
            self.fail("invalid")
        if isinstance(data, str) and not data.strip().lstrip("+-").isdecimal():
            self.fail("invalid")
        return int(super().to_internal_value(data))


class Text(serializers.CharField):
    """A string, or a number as its digits. Spaces around it and invisible characters are removed."""

    def run_validation(self, data: Any = empty) -> Any:
        return super().run_validation(texts.tidy(data) if isinstance(data, str) else data)


class Email(Text, serializers.EmailField):
    """An e-mail address, tidied in the same way."""


class Location(Text):
    """A product's location; null and "" both mean that it has none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=100, allow_blank=True, allow_null=True, required=False, **kwargs)

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        is_empty, value = super().validate_empty_values(data)
        return is_empty, "" if value is None and is_empty else value


class Flag(serializers.BooleanField):
    """A boolean. Absent from a form it is not set; REST framework would read an unticked box."""

    default_empty_html = empty


class Moment(serializers.DateTimeField):
    """A date and time with its offset from UTC (RFC 3339). Without the offset it would be ambiguous."""

    default_error_messages = {
        "no_offset": _("Give the offset from UTC, as in 2026-01-31T10:00:00+03:00 or 2026-01-31T07:00:00Z.")
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("no_offset")
        return super().enforce_timezone(value)


@extend_schema_field(OpenApiTypes.ANY)
class AnyJson(serializers.Field[Any, Any, Any, Any]):
    """Any JSON value. From a form it is always a string."""

    def to_internal_value(self, data: Any) -> Any:
        return data

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        return (True, None) if data is None else super().validate_empty_values(data)


class AnyWhole(Whole):
    """An integer of any size, clamped to 64 bits for storage. The action decides whether it is plausible."""

    def to_internal_value(self, data: Any) -> int:
        return max(-(2**63), min(super().to_internal_value(data), 2**63 - 1))


class AppText(Text):
    """A text from an app device. It is never refused, since nobody may be there to correct it: it is cut at `longest`
    characters, and characters that no database can store are removed. It may be blank."""

    def __init__(self, longest: int, **kwargs: Any) -> None:
        super().__init__(allow_blank=True, **kwargs)
        self.longest = longest

    def run_validation(self, data: Any = empty) -> Any:
        return super().run_validation(self.kept(data) if isinstance(data, str) else data)

    def kept(self, text: str) -> str:
        return texts.cut(texts.tidy(texts.storable(text)), self.longest)


class AppSku(AppText):
    """A SKU from an app device. A longer one is replaced by a shorter, unique one."""

    def __init__(self) -> None:
        super().__init__(longest=texts.MAX_SKU)

    def kept(self, text: str) -> str:
        return texts.sku_of(text)


class AppLocation(Location):
    """A location from an app device. A longer one is cut."""

    def run_validation(self, data: Any = empty) -> Any:
        return super().run_validation(AppText(100).kept(data) if isinstance(data, str) else data)


@extend_schema_field(OpenApiTypes.BINARY)
class Photo(serializers.Field[Any, Any, Any, Any]):
    """An uploaded image. Its type is detected from the bytes (`api/images`)."""

    def to_internal_value(self, data: Any) -> Any:
        if not hasattr(data, "read"):
            raise serializers.ValidationError(_("This must be a file."))
        try:
            return images.prepare(data, lock_folder=Path(settings.MEDIA_ROOT))
        except images.BadImage as error:
            raise serializers.ValidationError(str(error.detail), code=error.code) from error
        except images.DecoderBusy as error:
            raise Busy(error.detail, facts={"retry_after_seconds": images.RETRY_SECONDS}) from error


class UnreadablePhoto(str):
    """The reason why a file is no photo, as a sentence. Stands in the place of the photo."""

    __slots__ = ()


@extend_schema_field(OpenApiTypes.BINARY)
class AppPhoto(Photo):
    """An image that comes with a product from an app device. If it is unreadable, the product is saved without it."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not hasattr(data, "read"):
                raise
            return UnreadablePhoto(cast("list[str]", error.detail)[0])


class Password(serializers.CharField):
    """A password, with its spaces."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 1000, "trim_whitespace": False, **kwargs})


class TriedPassword(Password):
    """A password to check. One that nobody can have is a wrong password, not an invalid request."""

    def run_validation(self, data: Any = empty) -> Any:
        return super().run_validation(texts.storable(data[:1001]) if isinstance(data, str) else data)


# --- Requests -----------------------------------------------------------------------------------------------------
class Login(serializers.Serializer[Any]):
    email = AppText(255)  # an address that nobody can have is wrong, not invalid
    password = TriedPassword(max_length=None, allow_blank=True)
    device = Text(max_length=200, required=False, allow_blank=True)
    kind = serializers.ChoiceField(Device.Kind.choices, required=False)


class ProductCreate(serializers.Serializer[Any]):
    sku = Text(max_length=texts.MAX_SKU)
    name = Text(max_length=255)
    location = Location()
    quantity = Whole(min_value=0, max_value=MAX_QUANTITY, default=0)
    min_quantity = Whole(min_value=0, max_value=MAX_QUANTITY, required=False)
    image = Photo(source="photo", required=False, allow_null=True)


class ProductPut(serializers.Serializer[Any]):
    """A whole product. `id` and `thumbnail_url`, which the app also sends, are ignored."""

    sku = Text(max_length=texts.MAX_SKU)
    name = Text(max_length=255)
    location = Location()
    quantity = Whole(min_value=-(2**63), max_value=2**63 - 1, required=False)
    min_quantity = Whole(min_value=0, max_value=MAX_QUANTITY, required=False)
    image_url = AnyJson(required=False, help_text=_("Ignored. Photos are uploaded separately."))
    image = Photo(source="photo", required=False, allow_null=True)


class BarcodeIn(serializers.Serializer[Any]):
    code = Text(max_length=texts.MAX_SKU)
    pieces = Whole(min_value=1, max_value=MAX_QUANTITY, default=1, help_text=_("How many pieces the label stands for."))


class BarcodeQuery(serializers.Serializer[Any]):
    code = Text(max_length=texts.MAX_SKU)


class AppProductCreate(ProductCreate):
    """The same from an app device. Nothing that the app can send is refused."""

    sku = AppSku()
    name = AppText(255)
    location = AppLocation()
    quantity = AnyWhole(default=0)
    image = AppPhoto(source="photo", required=False, allow_null=True)


class AppProductPut(AppProductCreate):
    quantity = AnyWhole(required=False)
    image_url = AnyJson(required=False)


class Addition(serializers.Serializer[Any]):
    quantity = Whole(min_value=1, max_value=2**63 - 1)


class AppAddition(serializers.Serializer[Any]):
    """The same from an app device, whose queue stops at any refusal."""

    quantity = AnyWhole()


class ImageUpload(serializers.Serializer[Any]):
    image = Photo()


class OrderLineIn(serializers.Serializer[Any]):
    product = Whole(min_value=1, max_value=2**62)
    quantity_to_pick = Whole(min_value=0, max_value=MAX_QUANTITY)
    quantity_picked = Whole(min_value=0, max_value=MAX_QUANTITY, required=False, allow_null=True)

    def to_internal_value(self, data: Any) -> Any:
        """`product` may be an id, or an object with one, as in lists."""
        if isinstance(data, Mapping):
            if isinstance(data.get("product"), Mapping):
                data = {**data, "product": data["product"].get("id")}
            # Also in a PATCH, where REST framework would accept a line without them:
            missing = [name for name in ("product", "quantity_to_pick") if name not in data]
            if missing:
                required = self.fields["product"].error_messages["required"]
                raise serializers.ValidationError({name: [required] for name in missing}, code="required")
        return super().to_internal_value(data)


class OrderIn(serializers.Serializer[Any]):
    """An order. `lines`, if given, replaces all its lines."""

    customer_name = Text(max_length=255)
    outside_number = Text(max_length=100, required=False, allow_blank=True)
    due_on = serializers.DateField(required=False, allow_null=True)
    note = Text(max_length=MAX_NOTE, required=False, allow_blank=True)
    status = serializers.ChoiceField(Order.Status.choices, required=False)
    lines = OrderLineIn(many=True, required=False, max_length=1000)  # type: ignore[call-arg]

    def validate_lines(self, lines: list[dict[str, Any]]) -> list[Line]:
        return [Line(line["product"], line["quantity_to_pick"], line.get("quantity_picked")) for line in lines]


class AppOrderIn(OrderIn):
    """The same from an app device, which sends back every line that the order has."""

    customer_name = AppText(255)
    outside_number = due_on = note = None  # type: ignore[assignment]
    lines = OrderLineIn(many=True, required=False, max_length=10_000)  # type: ignore[call-arg]


class ErrorReport(serializers.Serializer[Any]):
    message = AnyJson()


class Adjustment(serializers.Serializer[Any]):
    quantity_delta = Whole(min_value=-MAX_QUANTITY, max_value=MAX_QUANTITY)
    reason = Text(max_length=255)


class CountIn(serializers.Serializer[Any]):
    counted = Whole(min_value=0, max_value=MAX_ON_HAND)
    counted_at = Moment(required=False)
    reason = Text(max_length=255, required=False, allow_blank=True, default="")


class NewCount(serializers.Serializer[Any]):
    """What is to be counted: whole shelves, single products, or everything."""

    shelves = serializers.ListField(
        child=Text(max_length=100), default=list, max_length=100,
        help_text=_("Each with the shelves whose names continue it: A1 is also A1-01-02, but not A10."),
    )  # fmt: skip
    products = serializers.ListField(child=Whole(min_value=1, max_value=2**62), default=list, max_length=2000)
    everything = Flag(default=False)
    blind = Flag(default=False, help_text=_("Whoever counts does not see how many there should be."))


class CountLineIn(serializers.Serializer[Any]):
    product = Whole(min_value=1, max_value=2**62, required=False)
    code = Text(max_length=texts.MAX_SKU, required=False, help_text=_("Instead of `product`: its SKU or a barcode."))
    counted = Whole(min_value=0, max_value=MAX_ON_HAND)
    counted_at = Moment(help_text=_("When it was counted. What moves later is no difference."))

    def validate(self, row: dict[str, Any]) -> dict[str, Any]:
        if ("product" in row) == ("code" in row):
            raise serializers.ValidationError({"product": [_("Give either the product or its code.")]})
        return row


class CountLinesIn(serializers.Serializer[Any]):
    lines = CountLineIn(many=True, max_length=1000)  # type: ignore[call-arg]


class Reason(serializers.Serializer[Any]):
    reason = Text(max_length=255, required=False, allow_blank=True, default="")


class Resolution(serializers.Serializer[Any]):
    """How to settle a discrepancy. Its `answers` list the possible actions and what each one asks for."""

    action = serializers.ChoiceField(["apply", "reverse", "move", "dismiss"])
    note = Text(max_length=2000, required=False, allow_blank=True, default="")
    quantity = Whole(
        min_value=0, max_value=MAX_QUANTITY, required=False, help_text=_("The real number, if the answer asks for it.")
    )
    sku = Text(max_length=255, required=False, allow_blank=True)
    name = Text(max_length=255, required=False, allow_blank=True)
    token = Text(
        max_length=64, required=False, allow_blank=True,
        help_text=_("The token of the answer that you have seen. 409 if that answer would do something else now."),
    )  # fmt: skip


class ProfileChange(serializers.Serializer[Any]):
    username = Text(max_length=150, required=False)
    email = Email(max_length=254, required=False)
    current_password = Password(required=False, help_text=_("Asked for when the e-mail changes."))


class PasswordChange(serializers.Serializer[Any]):
    current_password = Password()
    new_password = Password()


class NewUser(serializers.Serializer[Any]):
    email = Email(max_length=254)
    username = Text(max_length=150)
    password = Password()
    is_staff = Flag(required=False)
    is_active = Flag(required=False)


class UserIn(NewUser):
    current_password = Password(
        required=False, help_text=_("Asked for when one's own e-mail or password changes.")
    )  # fmt: skip


class Paging(serializers.Serializer[Any]):
    limit = Whole(min_value=1, max_value=1000, required=False)
    after = Whole(min_value=0, max_value=2**62, required=False, help_text=_("The last id of the previous page."))


class ProductQuery(Paging):
    """`GET /api/products/`: an exact SKU, or search, filter, order and page."""

    search = Text(required=False, allow_blank=True, max_length=200)
    location = Text(required=False, allow_blank=True, max_length=100, help_text=_("The beginning of the location."))
    ordering = serializers.ChoiceField(
        [sign + field for field in ("id", "sku", "name", "location", "quantity", "updated_at") for sign in ("", "-")],
        required=False,
    )


class OrderQuery(Paging):
    status = serializers.ChoiceField(Order.Status.choices, required=False)


class Page(Paging):
    """A page of a list that the app does not read, so its size is limited."""

    limit = Whole(min_value=1, max_value=1000, default=200)


class MovementQuery(Page):
    product = Whole(min_value=1, max_value=2**62, required=False)
    order = Whole(min_value=1, max_value=2**62, required=False)
    device = Whole(min_value=1, max_value=2**62, required=False)
    user = Whole(min_value=1, max_value=2**62, required=False)
    kind = serializers.ChoiceField(StockMovement.Kind.choices, required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


class DeviceQuery(Page):
    all = Text(required=False, allow_blank=True, help_text=_("1: all devices; for managers."))


class CountQuery(Page):
    status = serializers.ChoiceField([*Count.Status.choices, ("all", _("all"))], default="open")


class DiscrepancyQuery(Page):
    status = serializers.ChoiceField([*Discrepancy.Status.choices, ("all", _("all"))], default="open")
    kind = serializers.ChoiceField(Discrepancy.Kind.choices, required=False)
