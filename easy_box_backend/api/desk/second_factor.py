"""Setting up and removing the second factor of one's own login. Without the setting SECOND_FACTOR the page is a 404."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from api.actions import second_factor as action
from api.auth import passwords
from api.desk import codes
from api.desk.base import person, stock_page, tell
from api.errors import DomainError


@sensitive_post_parameters()
@never_cache
@stock_page
def second_factor(request: HttpRequest) -> HttpResponseBase:
    """A QR code for an authenticator app, and a form for its first code. Setting up and removing need the password."""
    if not settings.SECOND_FACTOR:
        raise Http404
    user, error = person(request), None
    secret = request.POST.get("secret") or action.new_secret()
    if request.method == "POST":
        try:
            passwords.confirm_password(request, user, request.POST.get("current_password", ""), None)
            if user.totp_secret:
                action.remove(user, by=user)
                tell(request, gettext("No code is asked for any more."))
            else:
                action.set_up(user, secret, request.POST.get("code", ""), at=timezone.now())
                tell(request, gettext("From now on you are asked for a code when you log in."))
            return HttpResponseRedirect("/")
        except DomainError as refused:
            error = refused
    context = {"is_set": bool(user.totp_secret), "error": error, "secret": secret}
    if not user.totp_secret:
        context["qr"] = codes.qr(action.address(user, secret))
    return render(request, "desk/second_factor.html", context)


urls = [path("second-factor/", second_factor, name="second_factor")]
