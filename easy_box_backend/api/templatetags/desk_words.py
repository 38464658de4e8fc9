"""Words of the admin in its templates, and the tokens of its forms."""

import secrets

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from api.admin.base import TOKEN
from api.discrepancy_case import signed

register = template.Library()
register.filter("signed", signed)


@register.simple_tag
def form_token() -> SafeString:
    """A hidden field that makes a form act once, however often it is sent."""
    return format_html('<input type="hidden" name="{}" value="{}">', TOKEN, secrets.token_urlsafe(12))
