"""The addresses of the server."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from api.rest.reports import ErrorLog, stored_photo

urlpatterns = [
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("api/", include("api.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("api.desk.urls")),
    path("log-client-error", ErrorLog.as_view(), name="log-client-error"),
]
if settings.SERVE_MEDIA:
    urlpatterns += [re_path(r"^media/(?P<path>.*)$", stored_photo)]

handler400 = "api.desk.failures.bad_request"
handler403 = "api.desk.failures.forbidden"
handler404 = "api.desk.failures.not_found"
handler500 = "api.desk.failures.server_error"
