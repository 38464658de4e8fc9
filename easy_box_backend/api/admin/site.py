"""The admin site: login by e-mail, change of one's password, no pages of other apps."""

from typing import Any, cast

import django.contrib.auth.admin
import knox.admin
from django import forms
from django.contrib.admin import site
from django.contrib.admin.forms import AdminAuthenticationForm, AdminPasswordChangeForm
from django.contrib.auth.models import Group
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from knox.models import AuthToken

from api.actions import accounts, logins
from api.auth import callers, passwords
from api.errors import DomainError
from api.models import User

# Importing the two modules registers these models, so this works in any order of the applications.
for model, module in ((Group, django.contrib.auth.admin), (AuthToken, knox.admin)):
    assert module
    if site.is_registered(model):
        site.unregister(model)


class LoginForm(AdminAuthenticationForm):
    """Login by e-mail."""

    username = forms.EmailField(label=_("E-mail"), widget=forms.EmailInput(attrs={"autofocus": True}))
    error_messages = {
        **AdminAuthenticationForm.error_messages,
        "invalid_login": _("Wrong e-mail or password, or this is not a manager's account."),
    }

    def clean_username(self) -> str:
        return self.cleaned_data["username"].strip().lower()

    def clean(self) -> dict[str, Any]:
        """Django's, with the API's limit on wrong passwords. Raises TooManyGuesses. This page has no field for a second
        factor: who has one logs in at the desk."""
        data, request = self.cleaned_data, cast(HttpRequest, self.request)
        if data.get("username") and data.get("password"):
            self.user_cache = passwords.check_password(request, data["username"], data["password"], code="")
            if self.user_cache is None:
                raise self.get_invalid_login_error()
            self.confirm_login_allowed(self.user_cache)
            logins.was_here(self.user_cache, callers.client_network(request), at=timezone.now())
        return data


def login(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
    """Django's page. Remembers the browser after a login, and shows a page of its own after too many guesses."""
    try:
        response = django_login(request, extra_context)
    except passwords.TooManyGuesses as error:
        page = {"title": error.detail, "sentence": error.detail}
        locked_out = render(request, "admin/locked_out.html", page, status=429)
        locked_out.headers["Retry-After"] = str(error.seconds)
        return locked_out
    if request.method == "POST" and request.user.is_authenticated:
        passwords.remember_browser(request, response, request.user)
    return response


class OwnPasswordForm(AdminPasswordChangeForm):
    """A new password for oneself. All devices of the person have to log in again."""

    def __init__(self, user: User, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.request = request

    def clean_old_password(self) -> str:
        """Like Django's, but with a limit on wrong passwords."""
        try:
            passwords.confirm_password(self.request, self.user, self.cleaned_data["old_password"], None)
        except DomainError as error:
            raise ValidationError(str(error.detail), code=error.code) from error
        return self.cleaned_data["old_password"]

    def save(self, commit: bool = True) -> User:
        self.user = accounts.change(
            self.user, by=self.user, password=self.cleaned_data["new_password1"], at=timezone.now()
        )
        return self.user


class OwnPassword(PasswordChangeView):
    form_class = OwnPasswordForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}


def password_change(request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponseBase:
    """Django's page with our form, which calls an action."""
    request.current_app = site.name
    view = OwnPassword.as_view(
        success_url=reverse("admin:password_change_done"),
        template_name="registration/password_change_form.html",
        extra_context={**site.each_context(request), **(extra_context or {})},
    )
    return view(request)


django_login = site.login
site.login_form = LoginForm
site.login = login  # type: ignore[method-assign,assignment]
site.password_change = password_change  # type: ignore[method-assign,assignment]
site.empty_value_display = "–"
