"""Items of the demo's models, and a table as a crawl writes it and a reader sees it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select

from crawler.page.row import row_of
from models import CrawlRun, Row
from models.session import make_sessions
from pipelines.storage.write_rows import write_batch
from pipelines.validate import validated

FIRST = datetime(2026, 1, 1, 3, 0, 0, 123456, tzinfo=UTC)


def book(sku: str = "B1", **fields: Any) -> dict[str, Any]:
    return {
        "sku": sku,
        "title": "Nights",
        "author": "A. Writer",
        "category": "Poetry",
        "price": "£51.77",
        "stock": 22,
        "rating": 3,
        "published": "3 May 2019",
        "url": f"http://shop/books/{sku}",
    } | fields


def quote(number: int, **fields: Any) -> dict[str, Any]:
    return {"quote_id": number, "body": "Be yourself.", "author": "O. W."} | fields


def book_with_reviews(sku: str, *reviewers: str) -> dict[str, Any]:
    """Return a book with a review of each reviewer."""
    reviews = [{"reviewer": name, "stars": 1, "body": "b", "posted": "2026-01-02"} for name in reviewers]
    return book(sku, reviews=reviews)


class Table:
    """A table: a crawl writes it, and a reader reads it."""

    def __init__(self, engine: Engine) -> None:
        self.sessions = make_sessions(engine)

    def run(self) -> int:
        with self.sessions.begin() as session:
            run = CrawlRun(spider="test", arguments={}, scope=b"t" * 32, started_at=FIRST)
            session.add(run)
            session.flush()
            return run.id

    def write(self, *items: tuple[type[Row], dict[str, Any]], now: datetime = FIRST) -> int:
        run = self.run()
        rows = [row_of(validated(item, model), model) for model, item in items]
        with self.sessions.begin() as session:
            write_batch(session, rows, run_id=run, now=now)
        return run

    def all(self, model: type[Any]) -> list[Any]:
        with self.sessions() as session:
            return list(session.scalars(select(model).order_by(*model.key())))
