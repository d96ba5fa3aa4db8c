"""The models: a class for each table, with its columns, their types, the natural key and the child tables.

Importing this package imports the models of Splashdown's own tables. The models of a site's tables are imported by the
modules of their spiders, which every command that needs models loads. The models of the demo are imported when
something asks for them, so that they can be deleted.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from models.base import Base, ModelError, Row
from models.change import RowChange
from models.console_account import ConsoleLink, ConsoleSession, ConsoleToken, ConsoleUser, LoginFailure
from models.console_action import ConsoleAction
from models.crawl_order import CrawlOrder
from models.crawl_page import CrawlPage
from models.host import CrawlHost
from models.host_rate import HostRate
from models.outbox import OutboxEvent
from models.rejected import RejectedItem
from models.relay import OutboxGap, OutboxRefusal, OutboxSink, RelayRow
from models.rendering import CrawlRendering
from models.request import CrawlRequest
from models.run import CrawlRun
from models.run_log import RunLogLine
from models.run_sample import RunSample
from models.spider_schedule import SchedulerProcess, SpiderSchedule
from models.worker import CrawlPartition, CrawlWorker

if TYPE_CHECKING:
    from models.book import Book, Review
    from models.order import Order
    from models.quote import Quote

__all__ = [
    "Base",
    "Book",
    "ConsoleAction",
    "ConsoleLink",
    "ConsoleSession",
    "ConsoleToken",
    "ConsoleUser",
    "CrawlHost",
    "CrawlOrder",
    "CrawlPage",
    "CrawlPartition",
    "CrawlRendering",
    "CrawlRequest",
    "CrawlRun",
    "CrawlWorker",
    "HostRate",
    "LoginFailure",
    "ModelError",
    "Order",
    "OutboxEvent",
    "OutboxGap",
    "OutboxRefusal",
    "OutboxSink",
    "Quote",
    "RejectedItem",
    "RelayRow",
    "Review",
    "Row",
    "RowChange",
    "RunLogLine",
    "RunSample",
    "SchedulerProcess",
    "SpiderSchedule",
]

_OF_THE_DEMO = {"Book": "book", "Review": "book", "Order": "order", "Quote": "quote"}


def __getattr__(name: str) -> Any:
    """Return a model of the demo."""
    if name not in _OF_THE_DEMO:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_OF_THE_DEMO[name]}"), name)
