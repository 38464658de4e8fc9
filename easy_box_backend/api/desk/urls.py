"""The URLs of the desk. Each module lists its own."""

from api.desk import (
    about,
    counts,
    labels,
    orders,
    orders_draft,
    people,
    phone_errors,
    products,
    questions,
    second_factor,
    session,
    sheets,
    today,
)

app_name = "desk"
urlpatterns = [
    *today.urls,
    *products.urls,
    *orders.urls,
    *orders_draft.urls,
    *counts.urls,
    *labels.urls,
    *people.urls,
    *phone_errors.urls,
    *about.urls,
    *sheets.urls,
    *questions.urls,
    *session.urls,
    *second_factor.urls,
]
