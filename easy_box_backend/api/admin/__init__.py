"""The manager's front door. It shows tables and calls the same actions as the API; it writes nothing by itself."""

from api.admin import orders, people, products, reports, site, stock

__all__ = ["orders", "people", "products", "reports", "site", "stock"]
