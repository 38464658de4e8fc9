"""Words of the admin in its templates."""

from django import template

from api.admin import words

register = template.Library()
register.filter("signed", words.signed)
