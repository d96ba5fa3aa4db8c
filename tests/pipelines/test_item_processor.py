"""The manager of the item pipelines counts items for Scrapy's stats."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crawls import scrapy

SPIDER = """
import scrapy
from models import Quote

class Counted(scrapy.Spider):
    name = "counted"
    model = Quote

    async def start(self):
        for number in range(3):
            yield {"quote_id": number, "body": "b", "author": "a"}
        yield {"quote_id": "none", "body": "b", "author": "a"}
"""


@pytest.mark.parametrize(
    ("options", "counts"),
    [
        ((), {"'item_scraped_count': 3", "'item_dropped_count': 1", "'elapsed_time_seconds'"}),
        (("-s", 'EXTENSIONS={"scrapy.extensions.corestats.CoreStats": null}'), set()),
    ],
    ids=["with CoreStats", "without"],
)
def test_items_are_counted_once_if_the_crawl_has_core_stats(
    tmp_path: Path, options: tuple[str, ...], counts: set[str]
) -> None:
    (tmp_path / "counted.py").write_text(SPIDER, "utf-8")
    crawled = scrapy(
        *("crawl", "counted", "-s", "SPIDER_MODULES=counted", "-s", "RENDERER_ENABLED=0", *options),
        DATABASE_URL=f"sqlite:///{tmp_path}/counted.db",
        PYTHONPATH=str(tmp_path),
    )
    known = ("'item_scraped_count': 3", "'item_dropped_count': 1", "'elapsed_time_seconds'")
    assert {name for name in known if name in crawled.stderr} == counts, crawled.stderr[-3000:]
    assert "3 quote" in crawled.stderr  # the rows, in the summary
