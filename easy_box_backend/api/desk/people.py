"""People with their roles and phones: create an account, connect a phone, name it, log it out."""

from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Count, F, Max, Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from api.actions import accounts, connecting, devices, second_factor
from api.auth import passwords
from api.desk import codes
from api.desk.base import once, page, person, rows_of, sought, tell
from api.errors import DomainError, Text
from api.models import ClientError, Device, Discrepancy, User
from api.phones import queues
from api.rest.answers import public_base
from api.texts import tidy

FORMER = 20
"""How many former logins of a person are shown, and how many questions and errors of a phone."""
FIELDS = ("username", "email", "role", "is_active")
"""The fields of an account that its form changes."""


class Tidy(forms.CharField):
    """A text without surrounding spaces and invisible characters, which pasting often adds."""

    def to_python(self, value: Any) -> Any:
        return super().to_python(tidy(value) if isinstance(value, str) else value)


class TidyEmail(Tidy, forms.EmailField):
    def to_python(self, value: Any) -> Any:
        return str(super().to_python(value)).lower()


class PersonForm(forms.Form):
    """An account. by: the person at the desk. shown: the account, None for a new one.

    A manager can give the two lower roles only. Nobody can change their own role, or their right to log in.
    """

    username = Tidy(label=_("Name"), max_length=150, help_text=_("Shown on the phone."))
    email = TidyEmail(label=_("E-mail"), max_length=254)
    role = forms.ChoiceField(label=_("Role"))
    is_active = forms.BooleanField(label=_("may log in"), required=False, initial=True)
    current_password = forms.CharField(
        label=_("Your current password"), required=False, strip=False, max_length=1000,
        help_text=_("Only if you change your e-mail."),
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )  # fmt: skip

    def __init__(self, *args: Any, by: User, shown: User | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        present = shown.role if shown else User.Role.PICKER
        lower = (User.Role.PICKER, User.Role.STOREKEEPER)
        roles = [role for role in User.Role if by.is_superuser or role in lower or role == present]
        self.fields["role"].choices = [(role.value, role.label) for role in roles]  # type: ignore[attr-defined]
        self.fields["role"].initial = present
        if shown is None:
            del self.fields["is_active"]
        if shown != by:
            del self.fields["current_password"]
        else:
            self.fields["role"].disabled = self.fields["is_active"].disabled = True

    def changes(self) -> dict[str, Any]:
        """The fields that were changed."""
        return {name: self.cleaned_data[name] for name in FIELDS if name in self.changed_data}


def show_error(form: forms.Form, error: DomainError) -> None:
    """Show an action's error beside its field."""
    for name, texts in (error.fields or {"": [error.detail]}).items():
        form.add_error(name if name in form.fields else None, [str(text) for text in texts])


# --- People -------------------------------------------------------------------------------------------------------
@page
def people(request: HttpRequest) -> HttpResponseBase:
    """All accounts, by name, with the number of their logins and their last contact."""
    asked = sought(request)
    found = User.objects.filter(Q(username__icontains=asked) | Q(email__icontains=asked))
    found = found.annotate(
        logins=Count("devices", filter=Q(devices__token__isnull=False)), seen_at=Max("devices__last_seen_at")
    )
    rows = rows_of(request, found.order_by("username", "id").prefetch_related("groups"))
    return render(request, "desk/people.html", {"rows": rows, "asked": asked})


@page
def new_person(request: HttpRequest) -> HttpResponseBase:
    """Create an account. It has no password at first: connecting a phone needs none, the desk needs one."""
    form = PersonForm(request.POST or None, by=person(request), shown=None)
    if request.method == "POST":
        return once(request, lambda: _create(request, form))
    return render(request, "desk/person_new.html", {"form": form})


def _create(request: HttpRequest, form: PersonForm) -> HttpResponse:
    if form.is_valid():
        try:
            made = accounts.create(by=person(request), password=None, **form.cleaned_data)
        except DomainError as error:
            show_error(form, error)
        else:
            tell(request, gettext("%(name)s can be connected now.") % {"name": made})
            return HttpResponseRedirect(reverse("desk:person", args=[made.pk]))
    return render(request, "desk/person_new.html", {"form": form})


@page
def one_person(request: HttpRequest, key: int) -> HttpResponseBase:
    """An account with its phones; POST changes it."""
    shown = get_object_or_404(User.objects.prefetch_related("groups"), pk=key)
    if request.method != "POST":
        return _person_page(request, shown)
    return once(request, lambda: _change(request, shown))


def _person_form(request: HttpRequest, shown: User, data: Any = None) -> PersonForm:
    initial = {name: getattr(shown, name) for name in FIELDS}
    return PersonForm(data, by=person(request), shown=shown, initial=initial)


def _change(request: HttpRequest, shown: User) -> HttpResponse:
    form, by = _person_form(request, shown, request.POST), person(request)
    if form.is_valid():
        changes = form.changes()
        try:
            if accounts.needs_password(shown, by, changes):
                passwords.confirm_password(request, by, form.cleaned_data["current_password"], None)
            accounts.change(shown, by=by, at=timezone.now(), **changes)
        except DomainError as error:
            show_error(form, error)
        else:
            tell(request, gettext("Saved."))
            return HttpResponseRedirect(reverse("desk:person", args=[shown.pk]))
    return _person_page(request, shown, form)


def _person_page(request: HttpRequest, shown: User, form: PersonForm | None = None, error: Text = "") -> HttpResponse:
    """The page of a person. error: why a new password was refused."""
    logins = shown.devices.order_by("-last_seen_at", "-id")
    context = {
        "shown": shown, "form": form or _person_form(request, shown), "error": error,
        "may_change": person(request).may_change(shown), "is_me": shown == person(request),
        "has_code": settings.SECOND_FACTOR and bool(shown.totp_secret),
        "devices": logins.filter(token__isnull=False), "former": logins.filter(token__isnull=True)[:FORMER],
    }  # fmt: skip
    return render(request, "desk/person.html", context)


@require_POST
@sensitive_post_parameters()
@page
def set_password(request: HttpRequest, key: int) -> HttpResponseBase:
    """Set another person's password. One's own is changed at `session.password`."""
    shown, by = get_object_or_404(User, pk=key), person(request)
    if shown == by:
        return HttpResponseRedirect(reverse("desk:password"))
    try:
        accounts.change(shown, by=by, at=timezone.now(), password=request.POST.get("new_password", "")[:1000])
    except DomainError as error:
        texts = error.fields.get("password", [error.detail])
        return _person_page(request, shown, error=" ".join(map(str, texts)))
    tell(request, gettext("%(name)s has a new password and is logged out everywhere.") % {"name": shown})
    return HttpResponseRedirect(reverse("desk:person", args=[shown.pk]))


@require_POST
@page
def remove_code(request: HttpRequest, key: int) -> HttpResponseBase:
    """Remove the second factor of a person who has lost the authenticator app."""
    shown = get_object_or_404(User, pk=key)
    if shown == person(request):  # that page asks for the password
        return HttpResponseRedirect(reverse("desk:second_factor"))
    return _do_and_tell(
        request, lambda: second_factor.remove(shown, by=person(request)), gettext("No code is asked for any more."),
        reverse("desk:person", args=[key]),
    )  # fmt: skip


# --- Connect a phone ----------------------------------------------------------------------------------------------
@require_POST
@never_cache
@page
def connect(request: HttpRequest, key: int) -> HttpResponseBase:
    """A sheet to print, with a one-time password that is shown only once. If the form is sent twice, the second
    password is the valid one."""
    shown, at = get_object_or_404(User, pk=key), timezone.now()
    try:
        password = connecting.one_time_password(shown, by=person(request), at=at)
    except DomainError as error:
        tell(request, error.detail, "bad")
        return HttpResponseRedirect(reverse("desk:person", args=[key]))
    context = {"shown": shown, "password": password, "until": at + connecting.VALID_FOR, **_address(request)}
    return render(request, "desk/connect.html", context)


def phone_page(request: HttpRequest) -> HttpResponseBase:
    """The page that the QR code of the sheet opens, without a login. A phone that shows it can reach the server."""
    return render(request, "desk/phone_page.html", _address(request))


def _address(request: HttpRequest) -> dict[str, Any]:
    """The server's address for phones, as context of a page. is_local: it would lead a phone to the phone itself."""
    base = public_base(request)
    is_local = base.partition("//")[2].split(":")[0].strip("[]") in ("localhost", "127.0.0.1", "")
    return {"address": base, "qr": codes.qr(base + reverse("desk:phone_page")), "is_local": is_local}


# --- Phones and programs ------------------------------------------------------------------------------------------
@page
def all_devices(request: HttpRequest) -> HttpResponseBase:
    """All logins, the last seen first. `state=out` in the query: the former ones."""
    asked, is_former = sought(request), request.GET.get("state") == "out"
    named = Q(name__icontains=asked) | Q(user__username__icontains=asked) | Q(user__email__icontains=asked)
    found = Device.objects.filter(named, token__isnull=is_former).select_related("user")
    rows = rows_of(request, found.order_by(F("last_seen_at").desc(nulls_last=True), "-id"))
    return render(request, "desk/devices.html", {"rows": rows, "asked": asked, "is_former": is_former})


@page
def one_device(request: HttpRequest, key: int) -> HttpResponseBase:
    """A login: its person, what its queue probably still holds, its questions and errors. A POST names it."""
    if request.method == "POST":
        name = tidy(request.POST.get("name", ""))
        return once(request, lambda: _do_and_tell(
            request, lambda: devices.rename(person(request), key, name), gettext("Saved."),
            reverse("desk:device", args=[key]),
        ))  # fmt: skip
    device = get_object_or_404(Device.objects.select_related("user"), pk=key)
    is_likely, queue = queues.probable_queue(device) if device.is_app else (False, [])
    context = {
        "device": device, "queue": queue, "is_likely": is_likely,
        "may_change": person(request).may_change(device.user),
        "questions": Discrepancy.objects.open().filter(device=device).select_related("product")[:FORMER],
        "errors": ClientError.objects.filter(device=device)[:FORMER],
    }  # fmt: skip
    return render(request, "desk/device.html", context)


@require_POST
@page
def log_out(request: HttpRequest, key: int) -> HttpResponseBase:
    """End a login at once."""
    device = get_object_or_404(Device, pk=key)
    return _do_and_tell(
        request, lambda: devices.revoke_of(person(request), key, at=timezone.now()),
        gettext("The device is logged out."), reverse("desk:person", args=[device.user_id]),
    )  # fmt: skip


def _do_and_tell(request: HttpRequest, act: Any, done: str, target: str) -> HttpResponse:
    """Call `act`, show the message `done` or why it was refused, and redirect to `target`."""
    try:
        act()
        tell(request, done)
    except DomainError as error:
        tell(request, error.detail, "bad")
    return HttpResponseRedirect(target)


urls = [
    path("people/", people, name="people"),
    path("people/new/", new_person, name="person_new"),
    path("people/<int:key>/", one_person, name="person"),
    path("people/<int:key>/password/", set_password, name="person_password"),
    path("people/<int:key>/code/", remove_code, name="person_code"),
    path("people/<int:key>/connect/", connect, name="connect"),
    path("phones/", all_devices, name="devices"),
    path("phones/<int:key>/", one_device, name="device"),
    path("phones/<int:key>/out/", log_out, name="device_out"),
    path("phone/", phone_page, name="phone_page"),
]
