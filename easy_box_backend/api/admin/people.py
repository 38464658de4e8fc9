"""People and their devices."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from api.actions import accounts, devices
from api.admin.base import (
    ActionForm,
    Buttons,
    Desk,
    ReadOnly,
    Text,
    TidyEmailField,
    TidyField,
    badge,
    for_each,
    is_manager,
    link,
)
from api.auth import passwords
from api.models import Device, User

ACCOUNT = ("username", "email", "is_active", "is_staff", "is_superuser")


def password_field(label: Text, kind: str, **more: Any) -> forms.CharField:
    """A field for the "current" or a "new" password."""
    widget = forms.PasswordInput(attrs={"autocomplete": f"{kind}-password", "class": "form-control"})
    return forms.CharField(label=label, required=False, strip=False, max_length=1000, widget=widget, **more)


class UserForm(ActionForm):
    """An account. An empty password leaves it unchanged."""

    error_fields = {"password": "password1"}

    current_password = password_field(
        _("your current password"), "current", help_text=_("Asked for when you change your own e-mail or password.")
    )
    password1 = password_field(_("password"), "new")
    password2 = password_field(_("password again"), "new")

    class Meta:
        model = User
        fields = ACCOUNT
        field_classes = {"username": TidyField, "email": TidyEmailField}
        labels = {"is_superuser": _("administrator")}
        help_texts = {"is_superuser": _("Can appoint managers and other administrators.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "password1" not in self.fields:
            return
        if self.instance.pk is None:
            self.fields["password1"].required = self.fields["password2"].required = True
        else:
            self.fields["password1"].label = _("new password")
            self.fields["password1"].help_text = _(
                "Leave empty to keep the password. A new one logs this person out everywhere."
            )

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if data.get("password1") != data.get("password2"):
            self.add_error("password2", ValidationError(_("The two passwords differ.")))
        return data

    @property
    def changes(self) -> dict[str, Any]:
        """The account's fields that were changed in the form."""
        return {name: self.cleaned_data[name] for name in ACCOUNT if name in self.changed_data}


@admin.register(User)
class UserAdmin(Desk):
    form = UserForm
    list_display = ("username", "email", "role", "may_log_in", "device_count", "last_login")
    list_display_links = ("username", "email")
    list_filter = ("is_active", "is_staff")
    search_fields = ("username", "email")
    search_help_text = _("Name or e-mail")
    readonly_fields = ("last_login", "date_joined")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[User]":
        logged_in = Count("devices", filter=Q(devices__token__isnull=False))
        return super().get_queryset(request).annotate(logged_in=logged_in)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        rights = ("is_active", "is_staff", "is_superuser") if manager(request).is_superuser else ("is_active",)
        if obj is None:
            return [(None, {"fields": ("username", "email", "password1", "password2", *rights[1:])})]
        if not self.has_change_permission(request, obj):
            return [(None, {"fields": ("username", "email", "is_active", "is_staff", "last_login", "date_joined")})]
        own = ("current_password",) if obj.pk == request.user.pk else ()
        return [
            (None, {"fields": ("username", "email", *rights, "last_login", "date_joined")}),
            (_("Password"), {"fields": (*own, "password1", "password2")}),
        ]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """A manager may change pickers and themselves, an administrator everybody."""
        return is_manager(request) and (obj is None or manager(request).may_change(obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """An account can only be deactivated, since history refers to it."""
        return False

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is not None and obj.pk == request.user.pk:
            for name in ("is_active", "is_staff", "is_superuser"):
                if name in form.base_fields:
                    form.base_fields[name].disabled = True
                    form.base_fields[name].help_text = accounts.OwnRights.sentence
        return form

    def save_model(self, request: HttpRequest, obj: User, form: UserForm, change: bool) -> None:
        by, changes = manager(request), form.changes
        if password := form.cleaned_data.get("password1"):
            changes["password"] = password
        if not change:
            obj.pk = accounts.create(by=by, **{"username": "", "email": "", **changes}).pk
            return
        before = User.objects.get(pk=obj.pk)
        if accounts.needs_password(before, by, changes):
            passwords.confirm_password(request, by, form.cleaned_data.get("current_password", ""), None)
        changed = accounts.change(before, by=by, at=timezone.now(), **changes)
        if password and changed == by:
            update_session_auth_hash(request, changed)

    @admin.display(description=_("role"), ordering="is_staff")
    def role(self, user: User) -> Text:
        if user.is_superuser:
            return badge(gettext("administrator"), "primary")
        return badge(gettext("manager"), "info") if user.is_staff else gettext("picker")

    @admin.display(description=_("may log in"), boolean=True, ordering="is_active")
    def may_log_in(self, user: User) -> bool:
        return user.is_active

    @admin.display(description=_("devices"), ordering="logged_in")
    def device_count(self, user: Any) -> int:
        return user.logged_in


def manager(request: HttpRequest) -> User:
    """The person in the admin."""
    return cast(User, request.user)


class LoggedInFilter(admin.SimpleListFilter):
    title = _("login")
    parameter_name = "login"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Text]]:
        return [("yes", _("logged in")), ("no", _("logged out or revoked"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Device]") -> "QuerySet[Device]":
        return queryset.filter(token__isnull=self.value() == "no") if self.value() else queryset


@admin.register(Device)
class DeviceAdmin(ReadOnly, Buttons):
    list_display = ("named", "person", "kind", "created_at", "last_seen_at", "state")
    list_filter = (LoggedInFilter, "kind")
    list_select_related = ("user",)
    search_fields = ("name", "user__username", "user__email")
    search_help_text = _("Device, name or e-mail")
    fields = ("named", "person", "kind", "created_at", "last_seen_at", "revoked_at", "state")
    readonly_fields = fields
    actions = ("revoke_selected",)

    def do(self, request: HttpRequest, key: int, verb: str) -> Text:
        if verb != "revoke":
            raise KeyError(verb)
        devices.revoke_of(manager(request), key, at=timezone.now())
        return gettext("The device is logged out.")

    @admin.action(description=_("Log the selected devices out"))
    def revoke_selected(self, request: HttpRequest, queryset: "QuerySet[Device]") -> None:
        rows = queryset.filter(token__isnull=False)
        by, at = manager(request), timezone.now()
        text = ngettext_lazy("%(count)d device is logged out.", "%(count)d devices are logged out.", "count")
        for_each(self, request, rows, lambda device: devices.revoke_of(by, device.pk, at=at), text)

    @admin.display(description=_("device"), ordering="name")
    def named(self, device: Device) -> str:
        return str(device)

    @admin.display(description=_("person"), ordering="user__username")
    def person(self, device: Device) -> SafeString | str:
        return link("user", device.user_id, device.user)

    @admin.display(description=_("login"))
    def state(self, device: Device) -> SafeString:
        if device.token_id is None:
            return badge(gettext("logged out"))
        return self.button(device.pk, "revoke", _("Log this device out"), "outline-danger")
