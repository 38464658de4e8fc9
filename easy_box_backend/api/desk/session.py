"""Login, logout, one's own password, and the language."""

import json
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import login as begin_session
from django.contrib.auth import logout as end_session
from django.contrib.auth import password_validation, update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from api.actions import accounts, logins
from api.auth import callers, passwords
from api.desk.base import actor, person, stock_page, tell
from api.errors import DomainError
from api.models import User
from api.texts import tidy


class LoginForm(forms.Form):
    email = forms.EmailField(label=_("E-mail"), widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(
        label=_("Password"), strip=False, max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )  # fmt: skip
    code = forms.CharField(
        label=_("Code"), required=False, max_length=20,
        help_text=_("Of your authenticator app. Leave empty if you have set none up."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not settings.SECOND_FACTOR:
            del self.fields["code"]

    def clean_email(self) -> str:
        return tidy(self.cleaned_data["email"]).lower()


@sensitive_post_parameters("password")
def login(request: HttpRequest) -> HttpResponseBase:
    """Log a person in, with the API's limit on wrong passwords. A form that was sent without a session is then sent
    again (`base.ask_to_log_in`)."""
    target = _safe(request, request.GET.get("next", "/"))
    if request.method != "POST":
        return render(request, "desk/login.html", {"form": LoginForm(), "form_action": request.get_full_path()})
    form, typed = LoginForm(request.POST), request.POST.get("typed", "")
    status = 200
    if form.is_valid():
        try:
            given = form.cleaned_data
            user = passwords.check_password(request, given["email"], given["password"], code=given.get("code", ""))
        except passwords.TooManyGuesses as error:
            form.add_error(None, str(error.detail))
            answer = _login_page(request, form, typed, 429)
            answer.headers["Retry-After"] = str(error.seconds)
            return answer
        if user is not None and user.keeps_stock:
            return _enter(request, user, target, typed)
        form.add_error(None, _refusal())
    return _login_page(request, form, typed, status)


def _refusal() -> str:
    """Why a login was refused. The text is the same for every reason, so that a stranger learns nothing."""
    if settings.SECOND_FACTOR:
        return gettext("Wrong e-mail, password or code, or this account may not use the desk.")
    return gettext("Wrong e-mail or password, or this account may not use the desk.")


def _login_page(request: HttpRequest, form: LoginForm, typed: str, status: int) -> HttpResponse:
    context = {"form": form, "form_action": request.get_full_path(), "typed": typed, "has_ended": bool(typed)}
    return render(request, "desk/login.html", context, status=status)


def _enter(request: HttpRequest, user: User, target: str, typed: str) -> HttpResponseBase:
    """Begin the session, and go on to `target`, or to a page that sends the form that was typed before."""
    logins.was_here(user, callers.client_network(request), at=timezone.now())
    begin_session(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    form = _carried_form(request, typed)
    answer: HttpResponse = (
        render(request, "desk/send_again.html", {"back": target, **form}) if form else HttpResponseRedirect(target)
    )
    passwords.remember_browser(request, answer, user)
    return answer


def _carried_form(request: HttpRequest, typed: str) -> dict[str, Any]:
    """The `target` and `fields` of a form that was carried through the login; {} if they cannot be read."""
    try:
        sent = json.loads(typed)
        fields = [(str(name), str(value)) for name, value in sent["fields"]]
        return {"target": _safe(request, sent["to"]), "fields": fields}
    except (ValueError, TypeError, KeyError):
        return {}


def _safe(request: HttpRequest, target: str) -> str:
    """`target` if it is a page of this server, else the first page."""
    allowed = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if allowed else "/"


@stock_page
def logout(request: HttpRequest) -> HttpResponseBase:
    """End the session."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    end_session(request)
    return HttpResponseRedirect(reverse("desk:login"))


class PasswordForm(forms.Form):
    current = forms.CharField(
        label=_("Your current password"), strip=False, max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )  # fmt: skip
    new = forms.CharField(
        label=_("New password"), strip=False, max_length=1000, help_text=_("All your devices have to log in again."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_new(self) -> str:
        password_validation.validate_password(self.cleaned_data["new"], self.user)
        return str(self.cleaned_data["new"])


@sensitive_post_parameters()
@stock_page
def password(request: HttpRequest) -> HttpResponseBase:
    """Change one's own password."""
    user = person(request)
    form = PasswordForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            passwords.confirm_password(request, user, form.cleaned_data["current"], None)
            changed = accounts.change(user, by=user, password=form.cleaned_data["new"], at=actor(request).at)
        except DomainError as error:
            form.add_error("current", str(error.detail))
        else:
            update_session_auth_hash(request, changed)
            tell(request, gettext("Your password is changed."))
            return HttpResponseRedirect("/")
    return render(request, "desk/password.html", {"form": form, "has_second_factor": settings.SECOND_FACTOR})


urls = [
    path("login/", login, name="login"),
    path("logout/", logout, name="logout"),
    path("password/", password, name="password"),
]
