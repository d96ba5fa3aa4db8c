"""examples/faust_last_price.py: the last price of each book, which a repeat does not set back."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import Engine

from models import Book
from tests.brokers import unique_name
from tests.crawler.book_items import book
from tests.examples.programs import forget_confirmations, program, send
from tests.pipelines.runs import Run, page


def store_prices(engine: Engine, *prices: tuple[str, str]) -> None:
    run = Run(engine, outbox=True)
    for sku, price in prices:
        run.commit(page((Book, {**book(sku), "reviews": [], "price": price})))
    run.finish()


def test_each_book_has_its_last_price_and_a_repeat_sets_none(
    kafka: str, engine: Engine, tmp_path: Path
) -> None:
    topic = unique_name("topic")
    url = f"{kafka}/{topic}?partitions=2"
    store_prices(engine, ("B1", "51.77"), ("B2", "9.99"), ("B1", "49.99"))
    send(engine, url)
    forget_confirmations(engine)
    store_prices(engine, ("B1", "45.00"), ("B2", "12.00"))
    send(engine, url)
    last = {'["B1"]': "45.00", '["B2"]': "12.00"}
    options = {
        "TOPIC": topic,
        "GROUP": unique_name("group"),
        "PARTITIONS": "2",
        "FAUST_DATADIR": str(tmp_path),
    }
    arguments = ("worker", "--without-web", "--loglevel", "info")
    with program("faust_last_price.py", *arguments, KAFKA=kafka, **options) as worker:

        def prices() -> dict[str, list[str]]:
            found: dict[str, list[str]] = {}
            for row, price in re.findall(r"book/(.+) costs (.+?) *$", "\n".join(worker.errors), re.MULTILINE):
                found.setdefault(row, []).append(price)
            return found

        # The last change of each book is behind all repeats of the book.
        worker.wait_until(lambda: {row: found[-1] for row, found in prices().items()} == last)
        assert prices() == {'["B1"]': ["51.77", "49.99", "45.00"], '["B2"]': ["9.99", "12.00"]}
