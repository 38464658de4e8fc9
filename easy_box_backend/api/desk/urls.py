"""The addresses of the desk. Each module lists its own."""

from api.desk import counts, labels, orders, orders_draft, session, today

app_name = "desk"
urlpatterns = [
    *today.urls,
    *orders.urls,
    *orders_draft.urls,
    *counts.urls,
    *labels.urls,
    *session.urls,
]
