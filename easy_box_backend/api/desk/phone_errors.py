"""Errors that phones reported, each with the phone that it probably came from."""

from django.db.models import Q
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from api.actions import reports
from api.desk.base import page, rows_of, sought, tell
from api.models import ClientError


@page
def phone_errors(request: HttpRequest) -> HttpResponseBase:
    """The list of errors, the latest first."""
    asked = sought(request)
    who = Q(user__username__icontains=asked) | Q(user__email__icontains=asked) | Q(device__name__icontains=asked)
    found = ClientError.objects.filter(who | Q(message__icontains=asked) if asked else Q())
    rows = rows_of(request, found.select_related("user", "device").order_by("-last_seen_at", "-id"))
    return render(request, "desk/phone_errors.html", {"rows": rows, "asked": asked})


@page
def phone_error(request: HttpRequest, key: int) -> HttpResponseBase:
    """One error with its whole text."""
    error = get_object_or_404(ClientError.objects.select_related("user", "device"), pk=key)
    return render(request, "desk/phone_error.html", {"error": error})


@require_POST
@page
def forget(request: HttpRequest, key: int) -> HttpResponseBase:
    """Delete an error that is repaired. If it occurs again, it is reported again."""
    reports.forget(key)
    tell(request, gettext("The report is deleted."))
    return HttpResponseRedirect(reverse("desk:phone_errors"))


urls = [
    path("errors/", phone_errors, name="phone_errors"),
    path("errors/<int:key>/", phone_error, name="phone_error"),
    path("errors/<int:key>/delete/", forget, name="phone_error_delete"),
]
