"""How numbers, times and names are worded for people."""

from datetime import datetime

from django.utils import formats, timezone
from django.utils.translation import gettext, ngettext

from api.models import (
    Device,
)


def number(value: int) -> str:
    """A number as people read it: in groups of three, with a real minus sign."""
    return formats.number_format(value, use_l10n=True, force_grouping=True).replace("-", "−")


def signed(value: int) -> str:
    """A change: +5 or −2."""
    return ("+" if value > 0 else "") + number(value)


def pieces(count: int) -> str:
    """A number of pieces in words, without a sign."""
    return ngettext("%(count)s piece", "%(count)s pieces", abs(count)) % {"count": number(abs(count))}


def quoted(name: str) -> str:
    """A name in the quotation marks of the language."""
    return gettext("“%(name)s”") % {"name": name}


def from_to(before: object, after: object) -> str:
    """A value before and after, as on a button."""
    return gettext("%(before)s → %(after)s") % {"before": _shown(before), "after": _shown(after)}


def _shown(value: object) -> str:
    return number(value) if isinstance(value, int) else str(value)


def moment(at: datetime) -> str:
    """A time in the warehouse's zone, in the format of the language."""
    return formats.date_format(timezone.localtime(at), gettext("j M Y, H:i"))


def clock(at: datetime, of: datetime) -> str:
    """A time in the warehouse's zone: without its date if it is on the same day as `of`."""
    same_day = timezone.localtime(at).date() == timezone.localtime(of).date()
    return formats.date_format(timezone.localtime(at), gettext("H:i")) if same_day else moment(at)


def device_name(device: Device) -> str:
    """The name of a device for people, who do not know its id; its kind if it has no name."""
    return device.name or str(device.get_kind_display())
