"""The addresses of the desk. Each module lists its own."""

from api.desk import session, today

app_name = "desk"
urlpatterns = [
    *today.urls,
    *session.urls,
]
