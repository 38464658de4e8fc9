"""Fields of the serializers."""

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
from api.errors import Busy


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
    """A boolean. If it is absent from a form it is not set; REST framework would read it as an unticked box, as
    false."""

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
        """The text as it is stored."""
        return texts.cut(texts.tidy(texts.storable(text)), self.longest)


class AppSku(AppText):
    """A SKU from an app device. One that is too long is replaced by a shorter, unique one (`texts.sku_of`)."""

    def __init__(self) -> None:
        super().__init__(longest=texts.MAX_SKU)

    def kept(self, text: str) -> str:
        return texts.sku_of(text)


class AppLocation(Location):
    """A location from an app device. One that is too long is cut."""

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
    """The reason why a file is not a photo, as a sentence. It takes the place of the photo in the validated data."""

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
    """A password. Spaces around it belong to it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 1000, "trim_whitespace": False, **kwargs})


class TriedPassword(Password):
    """A password that is to be checked. One that nobody can have is a wrong password, not an invalid request."""

    def run_validation(self, data: Any = empty) -> Any:
        return super().run_validation(texts.storable(data[:1001]) if isinstance(data, str) else data)
