"""What the desk says around discrepancies. What they are about is said by `discrepancy_kinds`."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from api.discrepancies.case import number, signed

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

__all__ = ["LOOKS", "SETTLED", "number", "signed"]

LOOKS: dict[str, str] = {
    "apply": "success",
    "move": "outline-primary",
    "reverse": "outline-danger",
    "dismiss": "outline-secondary",
}
"""How the answers' buttons look, as Bootstrap calls it."""

SETTLED: "dict[str, _StrPromise]" = {
    "apply": _("Applied."),
    "move": _("Moved."),
    "reverse": _("Reversed."),
    "dismiss": _("Dismissed."),
}
