from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ApiConfig(AppConfig):
    name = "api"
    verbose_name = _("Warehouse")

    def ready(self) -> None:
        from django.core.signals import got_request_exception
        from django.db.backends.signals import connection_created

        from api.ops import error_reporting
        from backend import checks, sqlite  # noqa: F401  (registers the system checks)

        connection_created.connect(sqlite.replace_like, dispatch_uid="sqlite-like")
        got_request_exception.connect(error_reporting.tell, dispatch_uid="faults")
