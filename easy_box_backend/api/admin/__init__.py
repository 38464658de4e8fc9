"""The admin for managers. It shows tables and calls the same actions as the API; it writes nothing itself."""

from api.admin import orders, people, products, reports, site, stock

__all__ = ["orders", "people", "products", "reports", "site", "stock"]
