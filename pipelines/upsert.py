"""The last step: an item's row is handed to the writer, and the item goes on when it is committed."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any, Self

from itemadapter import ItemAdapter
from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem

from crawler.stopping import stop_crawl
from models import CrawlRun
from models.schema import check_schema
from models.session import check_connection, make_engine, make_sessions, shown
from pipelines.row import row_of
from pipelines.validate import model_of
from pipelines.writer import DatabaseLost, RowRefused, Writer

logger = logging.getLogger(__name__)


class UpsertPipeline:
    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        settings = crawler.settings
        self.engine = make_engine(settings["DATABASE_URL"])
        self.sessions = make_sessions(self.engine)
        self.batch_rows = settings.getint("DATABASE_BATCH_ROWS", 500)
        self.patience = settings.getfloat("DATABASE_PATIENCE", 60)
        self.writer: Writer | None = None
        self.run_id = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        pipeline = cls(crawler)
        # After the pipelines are closed, and the only place that is told how the crawl ended.
        crawler.signals.connect(pipeline.spider_closed, signals.spider_closed)
        return pipeline

    async def open_spider(self) -> None:
        """Connect, check the schema and begin the run, before the first page is asked for.

        Raises:
            DatabaseUnusable: what to do about the database, in one line.
        """
        self.run_id = await asyncio.to_thread(self._begin)
        logger.info("run %d writes to %s", self.run_id, shown(self.engine.url))
        self.writer = Writer(
            self.sessions, run_id=self.run_id, batch_rows=self.batch_rows, patience=self.patience
        )
        self.writer.start()

    async def process_item(self, item: Any) -> Any:
        model = model_of(item, self.crawler.spider)
        if model is None:
            return item
        assert self.writer is not None and self.crawler.stats is not None
        try:
            await self.writer.write(row_of(ItemAdapter(item).asdict(), model))
        except RowRefused as refused:
            self.crawler.stats.inc_value("rows/refused")
            raise DropItem(str(refused)) from None
        except DatabaseLost as lost:
            stop_crawl(self.crawler, "database_lost", str(lost))
            raise DropItem(str(lost), log_level="DEBUG") from None
        self.crawler.stats.inc_value("rows/stored")
        self.crawler.stats.inc_value(f"rows/stored/{model.__tablename__}")
        return item

    async def close_spider(self) -> None:
        if self.writer is not None:
            await self.writer.close()

    async def spider_closed(self, reason: str) -> None:
        if self.run_id:
            await asyncio.to_thread(self._finish, reason)
        await asyncio.to_thread(self.engine.dispose)

    def _begin(self) -> int:
        check_connection(self.engine)
        check_schema(self.engine)
        with self.sessions.begin() as session:
            spider = self.crawler.spider
            assert spider is not None
            arguments = getattr(spider, "arguments", {})
            run = CrawlRun(spider=spider.name, arguments=arguments, started_at=datetime.now(UTC))
            session.add(run)
            session.flush()
            return run.id

    def _finish(self, reason: str) -> None:
        with self.sessions.begin() as session:
            run = session.get_one(CrawlRun, self.run_id)
            run.finished_at, run.finish_reason = datetime.now(UTC), reason
