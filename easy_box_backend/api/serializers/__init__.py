"""Serializers that validate requests. `fields.py` has the fields that they share, `rows.py` makes the JSON of
answers."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from api import texts
from api.actions.orders import Line
from api.models import MAX_NOTE, MAX_ON_HAND, MAX_QUANTITY, Count, Device, Discrepancy, Order, StockMovement
from api.serializers.fields import (
    AnyJson,
    AnyWhole,
    AppLocation,
    AppPhoto,
    AppSku,
    AppText,
    Email,
    Flag,
    Location,
    Moment,
    Password,
    Photo,
    Text,
    TriedPassword,
    Whole,
)


class Login(serializers.Serializer[Any]):
    email = AppText(255)  # an address that nobody can have is a wrong login, not an invalid request
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
    """`ProductCreate` from an app device. Nothing that the app can send is refused."""

    sku = AppSku()
    name = AppText(255)
    location = AppLocation()
    quantity = AnyWhole(default=0)
    image = AppPhoto(source="photo", required=False, allow_null=True)


class AppProductPut(AppProductCreate):
    """`ProductPut` from an app device."""

    quantity = AnyWhole(required=False)
    image_url = AnyJson(required=False)


class Addition(serializers.Serializer[Any]):
    quantity = Whole(min_value=1, max_value=2**63 - 1)


class AppAddition(serializers.Serializer[Any]):
    """`Addition` from an app device, whose queue stops at any refusal."""

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
            # In a PATCH they are required too; REST framework would accept a line without them.
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
    """`OrderIn` from an app device, which sends back every line that the order has."""

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
