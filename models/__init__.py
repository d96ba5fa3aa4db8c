"""The models: a class for each table, with its columns, their types, the natural key and the child tables.

Importing this package imports every model; migrations and the check of the schema need that.
"""

from models.base import Base, ModelError, Row
from models.book import Book, Review
from models.change import RowChange
from models.crawl_page import CrawlPage
from models.host import CrawlHost
from models.order import Order
from models.outbox import OutboxEvent
from models.quote import Quote
from models.rejected import RejectedItem
from models.rendering import CrawlRendering
from models.request import CrawlRequest
from models.run import CrawlRun

__all__ = [
    "Base",
    "Book",
    "CrawlHost",
    "CrawlPage",
    "CrawlRendering",
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
