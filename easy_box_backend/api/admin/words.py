"""Looks and messages for answers to discrepancies, which `discrepancies/kinds.py` describes."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LOOKS: dict[str, str] = {
    "apply": "success",
    "move": "outline-primary",
    "reverse": "outline-danger",
    "dismiss": "outline-secondary",
}
"""The Bootstrap style of each answer's button."""

SETTLED: "dict[str, _StrPromise]" = {
    "apply": _("Applied."),
    "move": _("Moved."),
    "reverse": _("Reversed."),
    "dismiss": _("Dismissed."),
}
