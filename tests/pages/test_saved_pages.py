"""Pages that could not be read once: ``scrapy replay --save-test`` has put them here, with what they have to give."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from scrapy.utils.project import get_project_settings

from crawler.kept_page import KeptPage
from crawler.page_case import ROWS, found_on, read_case
from crawler.reading import Reading
from frontier.offline import OfflineSpider

HERE = Path(__file__).parent
CASES = sorted(file.parent for file in HERE.glob(f"*/*/{ROWS}"))


async def read(page: KeptPage) -> Reading:
    async with OfflineSpider(get_project_settings(), page.spider, page.arguments) as spider:
        return await spider.read(page)


@pytest.mark.parametrize("case", CASES, ids=[str(case.relative_to(HERE)) for case in CASES])
def test_a_page_that_could_not_be_read_once_gives_its_rows(case: Path) -> None:
    page, expected = read_case(case)
    reading = asyncio.run(read(page))
    assert reading.still_wrong(page.reason) is None
    assert found_on(reading) == expected
