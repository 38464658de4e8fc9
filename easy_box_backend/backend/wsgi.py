"""The WSGI application that gunicorn serves."""

import os

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

application = get_wsgi_application()

from api.http import ReadableRequest  # noqa: E402 (not before Django is set up)

application.request_class = ReadableRequest

# manage.py checks the configuration before a command; gunicorn would serve a wrong one without a word.
call_command("check", tags=["security"], fail_level="ERROR")
