"""Connect a phone: a one-time password, which the app's login accepts besides the person's own password.

The app can only log in with e-mail and password, and then keeps its token. So a person who only uses the app needs no
password of their own: a manager makes a password for this one login, and nobody has to remember it.
"""

import secrets
from datetime import datetime, timedelta

from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext_lazy as _

from api.errors import Forbidden, Invalid
from api.models import User

VALID_FOR = timedelta(hours=24)
VALID_AFTER_LOGIN = timedelta(minutes=10)
"""How long it still works after its first login. The answer to that may be lost, and then the phone tries again."""
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""No two of them look alike. Twelve are 59 bits; the limit on wrong passwords holds for them too."""


def one_time_password(user: User, *, by: User, at: datetime) -> str:
    """Make a one-time password, in place of an earlier one, and return it. Only its keyed digest is stored.

    Raises Forbidden as `accounts.change` does, and if `by` is the same person: a stranger at a session that was left
    open could connect a phone of their own. Raises Invalid if the person may not log in.
    """
    if user.pk == by.pk:
        raise Forbidden(_("Log in on your own phone with your own password."))
    if not by.may_change(user):
        raise Forbidden(_("Only an administrator can change another manager's account."))
    if not user.is_active:
        raise Invalid(_("This person may not log in."))
    password = "-".join("".join(secrets.choice(LETTERS) for _letter in range(4)) for _group in range(3))
    User.objects.filter(pk=user.pk).update(one_time_digest=_digest(password), one_time_until=at + VALID_FOR)
    return password


def person_with(email: str, password: str, *, at: datetime) -> User | None:
    """The active person with this one-time password, None if there is none. From now on it is valid for
    VALID_AFTER_LOGIN only."""
    user = User.objects.filter(email=email, is_active=True, one_time_until__gt=at).first()
    if user is None or not constant_time_compare(user.one_time_digest, _digest(password)):
        return None
    ends = at + VALID_AFTER_LOGIN
    User.objects.filter(pk=user.pk, one_time_until__gt=ends).update(one_time_until=ends)
    return user


def _digest(password: str) -> str:
    """The keyed digest of a one-time password. Without SECRET_KEY it is of no use. Case does not matter: a phone's
    keyboard may begin with a capital letter."""
    plain = "".join(letter for letter in password.lower() if letter in LETTERS)
    return salted_hmac("one-time password", plain, algorithm="sha256").hexdigest()
