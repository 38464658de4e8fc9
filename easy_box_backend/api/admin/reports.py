"""Errors reported by phones."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from api.admin.base import Lists, ReadOnly, is_manager
from api.models import ClientError


@admin.register(ClientError)
class ClientErrorAdmin(ReadOnly, Lists):
    list_display = ("short", "count", "last_seen_at", "first_seen_at", "user_agent")
    search_fields = ("message", "user_agent")
    date_hierarchy = "last_seen_at"
    fields = ("text", "count", "last_seen_at", "first_seen_at", "user_agent")
    readonly_fields = fields

    def has_delete_permission(self, request: HttpRequest, obj: ClientError | None = None) -> bool:
        """Reports may be deleted: they are not part of the warehouse's history."""
        return is_manager(request)

    @admin.display(description=_("message"))
    def short(self, error: ClientError) -> str:
        return Truncator(error.message).chars(120)

    @admin.display(description=_("message"))
    def text(self, error: ClientError) -> SafeString:
        return format_html('<pre class="desk-text">{}</pre>', error.message)
