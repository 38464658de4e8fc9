"""The addresses below /api/, and the error log, which the app wants beside it."""

from django.urls import path

from api import docs, views, views_accounts, views_desk, views_reports

app_name = "api"
urlpatterns = [
    path("auth/token/", views_accounts.Token.as_view(), name="token"),
    path("auth/logout/", views_accounts.Logout.as_view(), name="logout"),
    path("auth/devices/", views_accounts.Devices.as_view(), name="devices"),
    path("auth/devices/<str:key>/", views_accounts.DeviceDetail.as_view(), name="device"),
    path("users/me/", views_accounts.Me.as_view(), name="me"),
    path("users/me/password/", views_accounts.Password.as_view(), name="password"),
    path("users/", views_accounts.Users.as_view(), name="users"),
    path("users/<str:key>/", views_accounts.UserDetail.as_view(), name="user"),
    path("products/", views.ProductList.as_view(), name="products"),
    path("products/<str:key>/", views.ProductDetail.as_view(), name="product"),
    path("products/<str:key>/add_stock/", views.AddStock.as_view(), name="add-stock"),
    path("products/<str:key>/upload_image/", views.UploadImage.as_view(), name="upload-image"),
    path("products/<str:key>/movements/", views_reports.Movements.as_view(), name="product-movements"),
    path("products/<str:key>/adjust/", views_desk.Adjust.as_view(), name="adjust"),
    path("products/<str:key>/count/", views_desk.Count.as_view(), name="count"),
    path("products/<str:key>/unarchive/", views_desk.Unarchive.as_view(), name="unarchive"),
    path("discrepancies/", views_desk.Discrepancies.as_view(), name="discrepancies"),
    path("discrepancies/<str:key>/resolve/", views_desk.Resolve.as_view(), name="resolve"),
    path("movements/<str:key>/reverse/", views_desk.Reverse.as_view(), name="reverse"),
    path("movements/<str:key>/", views_reports.MovementDetail.as_view(), name="movement"),
    path("movements/", views_reports.Movements.as_view(), name="movements"),
    path("orders/", views.OrderList.as_view(), name="orders"),
    path("orders/<str:key>/", views.OrderDetail.as_view(), name="order"),
    path("health/", views_reports.Health.as_view(), name="health"),
    path("schema/", docs.Description.as_view(), name="schema"),
    path("docs/", docs.Page.as_view(url_name="api:schema"), name="docs"),
]
