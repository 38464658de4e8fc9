"""The addresses below /api/."""

from django.urls import path

from api import views
from api.rest import accounts, barcodes, manager, openapi, reports, stocktakes

app_name = "api"
urlpatterns = [
    path("auth/token/", accounts.Token.as_view(), name="token"),
    path("auth/logout/", accounts.Logout.as_view(), name="logout"),
    path("auth/devices/", accounts.Devices.as_view(), name="devices"),
    path("auth/devices/<str:key>/", accounts.DeviceDetail.as_view(), name="device"),
    path("users/me/", accounts.Me.as_view(), name="me"),
    path("users/me/password/", accounts.Password.as_view(), name="password"),
    path("users/", accounts.Users.as_view(), name="users"),
    path("users/<str:key>/", accounts.UserDetail.as_view(), name="user"),
    path("products/", views.ProductList.as_view(), name="products"),
    path("products/<str:key>/", views.ProductDetail.as_view(), name="product"),
    path("products/<str:key>/add_stock/", views.AddStock.as_view(), name="add-stock"),
    path("products/<str:key>/upload_image/", views.UploadImage.as_view(), name="upload-image"),
    path("products/<str:key>/movements/", reports.Movements.as_view(), name="product-movements"),
    path("products/<str:key>/barcodes/", barcodes.Barcodes.as_view(), name="barcodes"),
    path("products/<str:key>/adjust/", manager.Adjust.as_view(), name="adjust"),
    path("products/<str:key>/count/", manager.Count.as_view(), name="count"),
    path("products/<str:key>/unarchive/", manager.Unarchive.as_view(), name="unarchive"),
    path("counts/", stocktakes.Stocktakes.as_view(), name="stocktakes"),
    path("counts/<str:key>/", stocktakes.StocktakeDetail.as_view(), name="stocktake"),
    path("counts/<str:key>/lines/", stocktakes.StocktakeLines.as_view(), name="stocktake-lines"),
    path("counts/<str:key>/post/", stocktakes.PostStocktake.as_view(), name="stocktake-post"),
    path("counts/<str:key>/cancel/", stocktakes.CancelStocktake.as_view(), name="stocktake-cancel"),
    path("discrepancies/", manager.Discrepancies.as_view(), name="discrepancies"),
    path("discrepancies/<str:key>/resolve/", manager.Resolve.as_view(), name="resolve"),
    path("movements/<str:key>/reverse/", manager.Reverse.as_view(), name="reverse"),
    path("movements/<str:key>/", reports.MovementDetail.as_view(), name="movement"),
    path("movements/", reports.Movements.as_view(), name="movements"),
    path("orders/", views.OrderList.as_view(), name="orders"),
    path("orders/<str:key>/", views.OrderDetail.as_view(), name="order"),
    path("health/", reports.Health.as_view(), name="health"),
    path("schema/", openapi.Description.as_view(), name="schema"),
    path("docs/", openapi.Page.as_view(url_name="api:schema"), name="docs"),
]
