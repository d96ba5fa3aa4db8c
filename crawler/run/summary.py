"""The summary at the end of a crawl's log: the counts of its run, and a line for each problem."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Self

from scrapy import Spider, signals
from scrapy.crawler import Crawler

from crawler.rendering.counts import rendering_text
from crawler.run.extension import RunExtension
from crawler.run.verdict import Verdict, button_line, merged_line
from crawler.stat_names import FAILED_PAGES, LISTS_WITHOUT_BUTTON
from models.request import DONE, FAILED, HOW_UNCHANGED, LEASED, QUEUED, REFUSED, SKIPPED
from models.run_stats import KINDS, RunStats

logger = logging.getLogger("splashdown.summary")


def counts_line(counts: RunStats) -> str:
    """Return the line with the counts of the run, in the words of ``scrapy runs show``."""

    def listed(numbers: Mapping[str, int]) -> str:
        return ", ".join(f"{number} {what}" for what, number in numbers.items())

    pages = {state: counts.pages.get(state, 0) for state in (DONE, FAILED, SKIPPED)}
    if counts.pages.get(REFUSED):
        pages[REFUSED] = counts.pages[REFUSED]
    left = counts.pages.get(QUEUED, 0) + counts.pages.get(LEASED, 0)
    changes = {kind: number for kind in KINDS if (number := counts.of_kind(kind))}
    tables = f" ({listed(counts.rows)})" if counts.rows else ""
    unchanged = sum(counts.unchanged.values())
    how = ", ".join(f"{way} {counts.unchanged.get(way, 0)}" for way in HOW_UNCHANGED)
    parts = [
        f"pages: {listed(pages)}{f', {left} left' if left else ''}{f', {counts.cut} cut' if counts.cut else ''}",
        *([f"unchanged pages: {unchanged} ({how})"] if unchanged else []),
        *([f"rendering: {rendering_text(counts.rendering)}"] if counts.rendering else []),
        f"rows: {sum(counts.rows.values())}{tables}",
        *([f"changes: {listed(changes)}"] if changes else []),
        f"rejected: {sum(counts.rejected.values())}",
    ]
    return "; ".join(parts)


def problems_of(verdict: Verdict | None, stats: Mapping[str, Any]) -> list[str]:
    """Return a line for each problem of the crawl."""
    failed: list[str] = stats.get(FAILED_PAGES, [])
    total = sum(value for name, value in stats.items() if name.startswith("render/failed/"))
    problems = [f"no content: {page}" for page in failed]
    if total > len(failed):
        problems.append(f"no content: {total - len(failed)} more pages")
    for one in verdict.ignored if verdict is not None else ():
        more = f" and {one.pages - len(one.urls)} more" if one.pages > len(one.urls) else ""
        pages = "1 page" if one.pages == 1 else f"{one.pages} pages"
        problems.append(f"ignored: {pages} with status {one.status}: {', '.join(one.urls)}{more}")
    prefix = "spider_exceptions/"
    for name, value in sorted(stats.items()):
        if name.startswith(prefix) and name != f"{prefix}count":  # the sum of the others
            times = "once" if value == 1 else f"{value} times"
            problems.append(f"raised in the spider: {name.removeprefix(prefix)}, {times}")
    if stats.get("retry/max_reached"):
        problems.append(f"given up after all retries: {stats['retry/max_reached']} requests")
    merged = verdict.counts.merged if verdict is not None and verdict.counts is not None else 0
    if merged:
        problems.append(merged_line(merged))
    buttonless: dict[str, tuple[int, list[str]]] = stats.get(LISTS_WITHOUT_BUTTON, {})
    problems += [button_line(button, lists, urls) for button, (lists, urls) in buttonless.items()]
    return problems


class SummaryExtension:
    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler)
        crawler.signals.connect(extension.spider_closed, signals.spider_closed)
        return extension

    def spider_closed(self, spider: Spider, reason: str) -> None:
        assert self.crawler.stats is not None
        stats = self.crawler.stats.get_stats()
        run = RunExtension.of(self.crawler)
        verdict = run.verdict if run is not None else None
        for problem in problems_of(verdict, stats):
            logger.warning("%s: %s", spider.name, problem)
        if verdict is not None and verdict.counts is not None:
            line = counts_line(verdict.counts)
        elif run is not None:
            line = f"this process stored {stats.get('rows/stored', 0)} rows"
        else:
            line = f"{stats.get('response_received_count', 0)} responses; nothing is stored"
        logger.info("%s: %s (%s)", spider.name, line, reason)
