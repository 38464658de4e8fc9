"""Django's admin: every table, read-only, for administrators. Work is done at the desk (`desk/`).

Tables are changed by actions only, so nothing can be changed here.
"""

import re
from typing import Any

import django.contrib.auth.admin
import knox.admin
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

SECRET = {"password", "token"}
"""Fields that are not shown."""
COLUMNS = 8
"""How many fields a list shows."""


def login(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
    """The desk's login page, which has the limit on wrong passwords."""
    return redirect_to_login(request.GET.get("next") or reverse("admin:index"))


def is_administrator(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_superuser)


class List(ChangeList):
    def get_filters(self, request: HttpRequest) -> Any:
        """The filters, as in Django. A NUL and a year beyond 9999 are invalid too: they would fail in the database."""
        for name, value in request.GET.items():
            if "\0" in value or (name.endswith("__year") and not re.fullmatch("[1-9][0-9]{0,3}", str(value))):
                raise IncorrectLookupParameters
        return super().get_filters(request)


class ReadOnly(admin.ModelAdmin):
    """A table's pages. Its list shows the latest rows first and is not counted, so it is quick in a large table."""

    list_per_page = 50
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return List

    def get_list_display(self, request: HttpRequest) -> Any:
        return [field.name for field in self.opts.fields if field.name not in SECRET][:COLUMNS]

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [name for name in SECRET if name in {field.name for field in self.opts.fields}]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_administrator(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_administrator(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission


site = admin.site
site.login = login  # type: ignore[method-assign,assignment]
site.has_permission = is_administrator  # type: ignore[method-assign]
# Importing the two modules registers their models, so this works in any order of the applications.
assert django.contrib.auth.admin
assert knox.admin
for registered in list(site._registry):
    site.unregister(registered)
for model in apps.get_app_config("api").get_models():
    if model._meta.pk.remote_field is None:  # with a foreign key as primary key, a number too large fails in Django
        site.register(model, ReadOnly, ordering=("-pk",))
