"""Pages that had a fault once: ``scrapy replay --save-test`` saved them here, with their rows and links."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from scrapy.utils.project import get_project_settings

from crawler.page.parse_result import ParseResult
from crawler.snapshots.page_snapshot import PageSnapshot
from crawler.snapshots.site_test import ROWS, found_on, read_case
from frontier.snapshot_reader import OfflineSpider
from splashdown.testing import known_spider

HERE = Path(__file__).parent
CASES = sorted(file.parent for file in HERE.glob(f"*/*/{ROWS}"))


async def parse(page: PageSnapshot) -> ParseResult:
    async with OfflineSpider(get_project_settings(), page.spider, page.arguments) as spider:
        return await spider.read(page)


@pytest.mark.parametrize("case", CASES, ids=[str(case.relative_to(HERE)) for case in CASES])
def test_the_spider_yields_the_rows_of_a_saved_page(case: Path) -> None:
    page, expected = read_case(case)
    with known_spider(case):
        result = asyncio.run(parse(page))
    assert result.still_wrong(page.reason) is None
    assert found_on(result) == expected
