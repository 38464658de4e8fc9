"""The second factor at the desk: a code from an authenticator app (TOTP, RFC 6238), for those who have set it up.

Off unless SECOND_FACTOR is set. Phones do not know it: the app can only log in with e-mail and password.
"""

from datetime import datetime

import pyotp
from django.conf import settings
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _

from api.errors import Forbidden, Invalid
from api.models import User

SECONDS = 30
"""How long a code is shown. The codes before and after it are accepted too, since clocks differ."""


class WrongCode(Invalid):
    code, sentence, field = "wrong_code", _("The code is wrong, or was used before."), "code"


def new_secret() -> str:
    """A new secret for an authenticator app. It takes effect when `set_up` is called with a code made from it."""
    return pyotp.random_base32()


def address(user: User, secret: str) -> str:
    """The address with the secret that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret, name=user.email, issuer="Easy Box").provisioning_uri()


def set_up(user: User, secret: str, code: str, *, at: datetime) -> None:
    """Ask this person for a code at each login from now on. The caller has checked the password. Raises WrongCode."""
    step = _step_of(secret, code, at=at)
    if not step:
        raise WrongCode
    User.objects.filter(pk=user.pk).update(totp_secret=secret, totp_step=step)


def remove(user: User, *, by: User) -> None:
    """Stop asking this person for a code. People do it for themselves (the caller has checked the password), or for
    somebody who has lost the authenticator app. Raises Forbidden as `accounts.change`."""
    if not by.may_change(user):
        raise Forbidden(_("Only an administrator can change another manager's account."))
    User.objects.filter(pk=user.pk).update(totp_secret="", totp_step=0)


def is_right(user: User, code: str, *, at: datetime) -> bool:
    """Whether the person may log in: the code is right and used for the first time, or no code is asked for."""
    if not settings.SECOND_FACTOR or not user.totp_secret:
        return True
    step = _step_of(user.totp_secret, code, at=at)
    return bool(step) and User.objects.filter(pk=user.pk, totp_step__lt=step).update(totp_step=step) == 1


def _step_of(secret: str, code: str, *, at: datetime) -> int:
    """The number of the time step with this code: the one at `at`, before or after it. 0 if the code is wrong."""
    code, now = "".join(filter(str.isdecimal, code)), int(at.timestamp()) // SECONDS
    try:
        codes = {step: pyotp.TOTP(secret).at(step * SECONDS) for step in (now - 1, now, now + 1)}
    except ValueError:  # not a secret
        return 0
    return next((step for step, right in codes.items() if constant_time_compare(code, right)), 0)
