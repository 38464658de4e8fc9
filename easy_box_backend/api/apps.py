from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ApiConfig(AppConfig):
    name = "api"
    verbose_name = _("Warehouse")

    def ready(self) -> None:
        from backend import checks  # noqa: F401  (registers the system checks)
