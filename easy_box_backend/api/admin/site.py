"""The site around the pages: logging in by e-mail, one's own password, nothing that is not for managers."""

import django.contrib.auth.admin
import knox.admin
from django import forms
from django.contrib.admin import site
from django.contrib.admin.forms import AdminAuthenticationForm, AdminPasswordChangeForm
from django.contrib.auth.models import Group
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from knox.models import AuthToken

from api.actions import devices
from api.models import User

# The two modules register these when they are imported, whatever order the applications are loaded in.
for model, module in ((Group, django.contrib.auth.admin), (AuthToken, knox.admin)):
    assert module
    if site.is_registered(model):
        site.unregister(model)


class LoginForm(AdminAuthenticationForm):
    """One logs in by e-mail."""

    username = forms.EmailField(label=_("E-mail"), widget=forms.EmailInput(attrs={"autofocus": True}))
    error_messages = {
        **AdminAuthenticationForm.error_messages,
        "invalid_login": _("Wrong e-mail or password, or this is not a manager's account."),
    }

    def clean_username(self) -> str:
        return self.cleaned_data["username"].strip().lower()


class OwnPasswordForm(AdminPasswordChangeForm):
    """One's own password; all one's phones have to log in again."""

    def save(self, commit: bool = True) -> User:
        devices.change_password(
            self.user, current=self.cleaned_data["old_password"], new=self.cleaned_data["new_password1"],
            at=timezone.now(), device=None,
        )  # fmt: skip
        return self.user


def password_change(request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponseBase:
    """Django's page, whose form would write by itself, with ours."""
    request.current_app = site.name
    view = PasswordChangeView.as_view(
        form_class=OwnPasswordForm,
        success_url=reverse("admin:password_change_done"),
        template_name="registration/password_change_form.html",
        extra_context={**site.each_context(request), **(extra_context or {})},
    )
    return view(request)


site.login_form = LoginForm
site.password_change = password_change  # type: ignore[method-assign,assignment]
site.empty_value_display = "–"
