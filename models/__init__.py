"""The tables: one class a table says which columns exist, their types, the natural key and what belongs to it.

Importing this package knows every table, which migrations and the schema check rely on.
"""

from models.base import Base, ModelError, Row
from models.book import Book, Review
from models.change import RowChange
from models.order import Order
from models.outbox import OutboxEvent
from models.quote import Quote
from models.rejected import RejectedItem
from models.request import CrawlRequest
from models.run import CrawlRun

__all__ = [
    "Base",
    "Book",
    "CrawlRequest",
    "CrawlRun",
    "ModelError",
    "Order",
    "OutboxEvent",
    "Quote",
    "RejectedItem",
    "Review",
    "Row",
    "RowChange",
]
