"""The forms of the product pages."""

from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from api import images
from api.errors import DomainError
from api.models import MAX_QUANTITY, Product
from api.texts import MAX_SKU, storable, tidy


class Tidy(forms.CharField):
    """A text as the API keeps it: without invisible characters."""

    def to_python(self, value: Any) -> str:
        return tidy(storable(super().to_python(value) or ""))


class Whole(forms.IntegerField):
    """A number of pieces, with a hyphen or a real minus sign. least: the smallest allowed. short: a narrow field."""

    def __init__(self, *, least: int = 0, short: bool = True, **kwargs: Any) -> None:
        attributes = {"inputmode": "numeric", "autocomplete": "off"} | ({"class": "short"} if short else {})
        widget = forms.NumberInput(attrs=attributes)
        super().__init__(min_value=least, max_value=MAX_QUANTITY, widget=widget, **kwargs)

    def to_python(self, value: Any) -> int | None:
        return super().to_python(value.replace("−", "-") if isinstance(value, str) else value)


class Photo(forms.FileField):
    """A photo, taken with a phone's camera or chosen from files. Its value is an `images.Photo`."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.FileInput(attrs={"accept": "image/*", "capture": "environment"})
        super().__init__(
            label=_("photo"), widget=widget, help_text=_("JPEG, PNG, WebP or HEIC, up to 20 MB."), **kwargs
        )

    def clean(self, data: Any, initial: Any = None) -> Any:
        upload: UploadedFile | None = super().clean(data, initial)
        if upload is None:
            return None
        try:
            return images.prepare(upload, lock_folder=Path(settings.MEDIA_ROOT))  # type: ignore[arg-type]
        except (images.BadImage, images.DecoderBusy) as error:
            raise forms.ValidationError(error.detail, code=error.code) from error


def show_error(form: forms.Form, error: DomainError) -> None:
    """Show why an action refused: beside its field if the form has it, else above the form."""
    for name, texts in (error.fields or {"": [error.detail]}).items():
        form.add_error(name if name in form.fields else None, [str(text) for text in texts])


class Form(forms.Form):
    """A form about a product."""

    def __init__(self, *args: Any, product: Product, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.product = product

    def problems(self) -> list[str]:
        """The texts of all errors."""
        return [str(text) for texts in self.errors.values() for text in texts]


class NoForm(Form):
    """A form without fields: a button."""


class DescriptionForm(Form):
    """The description. Only fields that the person changed are written. revision: the product's when they saw it."""

    FIELDS = ("sku", "name", "location", "min_quantity")

    sku = Tidy(label=_("SKU"), max_length=MAX_SKU)
    name = Tidy(label=_("name"), max_length=255)
    location = Tidy(label=_("location"), max_length=100, required=False)
    min_quantity = Whole(label=_("minimum"), required=False, short=False, help_text=_("Warn when fewer are on hand."))
    revision = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, product: Product, **kwargs: Any) -> None:
        now = {name: getattr(product, name) for name in (*self.FIELDS, "revision")}
        super().__init__(*args, product=product, initial=now, **kwargs)

    def clean(self) -> dict[str, Any]:
        """Add `changes`: the fields that differ from what the person saw. A field that somebody else changed meanwhile
        gets an error and is not overwritten."""
        data = super().clean() or {}
        data["min_quantity"] = data.get("min_quantity") or 0
        seen = self.product.versions.filter(revision__lte=data.get("revision") or 0).order_by("-revision").first()
        data["changes"] = {}
        for name in self.FIELDS:
            now = getattr(self.product, name)
            before = getattr(seen, name, None)
            before = now if before is None else before
            if name not in data or data[name] in (before, now):
                continue
            if before != now:
                text = gettext("Meanwhile this became “%(now)s”. Save again to replace it.") % {"now": now}
                self.add_error(name, text)
            else:
                data["changes"][name] = data[name]
        if self.errors:  # the next save is compared with what the errors say
            self.data = dict(self.data.items()) | {self.add_prefix("revision"): str(self.product.revision)}
        return data


class PhotoForm(Form):
    photo = Photo()


class ReceiveForm(Form):
    quantity = Whole(label=_("Pieces received"), least=1)


class CountForm(Form):
    counted = Whole(label=_("Counted"))


class AdjustForm(Form):
    quantity_delta = Whole(label=_("More or fewer"), least=-MAX_QUANTITY, help_text=_("For example 5 or −2."))
    reason = Tidy(label=_("Reason"), max_length=255)


class BarcodeForm(Form):
    code = Tidy(label=_("Barcode"), max_length=MAX_SKU, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    pieces = Whole(label=_("Pieces per pack"), least=1, required=False)


class CodeForm(Form):
    code = forms.CharField()


class MovementForm(Form):
    movement = forms.IntegerField(min_value=1)


class NewForm(forms.Form):
    sku = Tidy(label=_("SKU"), max_length=MAX_SKU)
    name = Tidy(label=_("name"), max_length=255)
    location = Tidy(label=_("location"), max_length=100, required=False)
    quantity = Whole(label=_("on hand"), required=False, short=False, help_text=_("The quantity on hand at the start."))
    min_quantity = Whole(label=_("minimum"), required=False, short=False, help_text=_("Warn when fewer are on hand."))
    photo = Photo(required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        return {**data, **{name: data.get(name) or 0 for name in ("quantity", "min_quantity")}}


class RowForm(forms.Form):
    """One field in a row of the list. was: the value that the row showed before."""

    location = Tidy(max_length=100, required=False)
    min_quantity = Whole(required=False)
    was = forms.CharField(required=False, strip=False)

    @property
    def problem(self) -> str:
        """The first error, "" if there is none."""
        return next((str(text) for texts in self.errors.values() for text in texts), "")

    def changes(self) -> dict[str, Any]:
        """The new value of the field that was sent, by its name."""
        empty = {"location": "", "min_quantity": 0}
        return {name: self.cleaned_data[name] or value for name, value in empty.items() if name in self.data}


class ManyForm(forms.Form):
    """New values for many products. Empty fields change nothing."""

    location = Tidy(label=_("location"), max_length=100, required=False)
    min_quantity = Whole(label=_("minimum"), required=False, short=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and not self.changes():
            raise forms.ValidationError(gettext("Enter a location or a minimum."))
        return data

    def changes(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}
