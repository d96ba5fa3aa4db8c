"""The tests of a project: saved pages, and the rows and links that their spiders yield today."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scrapy.utils.project import get_project_settings

from crawler.snapshots.site_test import ROWS, found_on, read_case
from crawler.spider.loader import UnknownSpider
from frontier.snapshot_reader import OfflineSpider


def saved_pages(folder: Path) -> list[Path]:
    """Return the folders of the saved pages: ``<spider>/<page>`` in this folder."""
    return sorted(file.parent for file in folder.glob(f"*/*/{ROWS}"))


def expected_rows(case: Path) -> dict[str, Any]:
    """Return the rows and links that were saved with a page."""
    return read_case(case)[1]


def rows_of(case: Path) -> dict[str, Any]:
    """Return the rows and links that the spider of a saved page yields today.

    Raises:
        UnreadableSnapshot: the page's files are not as they were written.
    """
    page, _ = read_case(case)

    async def read() -> dict[str, Any]:
        async with OfflineSpider(get_project_settings(), page.spider, page.arguments) as spider:
            return found_on(await spider.read(page))

    with known_spider(case):
        return asyncio.run(read())


@contextmanager
def known_spider(case: Path) -> Iterator[None]:
    """Let the test fail with one line if the spider of a saved page is not there any more."""
    try:
        yield
    except UnknownSpider as error:
        message = f"{os.path.relpath(case)}: {error}. Restore the file of the site, or delete this folder"
    else:
        return
    import pytest  # noqa: PLC0415 - only tests have it

    pytest.fail(message, pytrace=False)
