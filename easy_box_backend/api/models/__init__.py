"""Tables, constraints, and facts about a row or a set of rows. The verbs that change them are in `actions/`."""

from api.models.accounts import Device, DeviceMemory, KnownPlace, Occurrence, User
from api.models.base import EXACT, MAX_NOTE, MAX_ON_HAND, MAX_QUANTITY, Revision, loaded
from api.models.desk import Import, SentForm, SheetColumns
from api.models.discrepancies import Discrepancy
from api.models.operation import Alert, ClientError, Job
from api.models.orders import Order, OrderDraft, OrderLine, OrderVersion
from api.models.products import Barcode, Product, ProductText, ProductVersion, Unindexed
from api.models.stock import Count, CountLine, CountLineQuerySet, StockMovement, StockMovementQuerySet

__all__ = [
    "EXACT",
    "MAX_NOTE",
    "MAX_ON_HAND",
    "MAX_QUANTITY",
    "Alert",
    "Barcode",
    "ClientError",
    "Count",
    "CountLine",
    "CountLineQuerySet",
    "Device",
    "DeviceMemory",
    "Discrepancy",
    "Import",
    "Job",
    "KnownPlace",
    "Occurrence",
    "Order",
    "OrderDraft",
    "OrderLine",
    "OrderVersion",
    "Product",
    "ProductText",
    "ProductVersion",
    "Revision",
    "SentForm",
    "SheetColumns",
    "StockMovement",
    "StockMovementQuerySet",
    "Unindexed",
    "User",
    "loaded",
]
