"""The metrics of a crawl, read from its stats, its frontier and its writer when Prometheus asks for them.

The metrics keep no counts of their own, and cost nothing between two requests.
``docs/metrics.md`` has the names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector
from scrapy.crawler import Crawler

from crawler.run.extension import RunExtension
from crawler.stat_names import UNCHANGED_PAGES, VERDICT
from models.change import CHANGED, CREATED, GONE, RETURNED
from models.request import DONE, FAILED, HOW_UNCHANGED, REFUSED, SKIPPED

PREFIX = "splashdown_"
LAST_RUN = "splashdown_last_run_"
OUTCOMES = (CREATED, CHANGED, "unchanged", GONE, RETURNED)
BUCKETS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 13, 20, 30, 60, 120)  # seconds

PAGES = "pages", "Pages by their state.", ("outcome",)
UNCHANGED = "unchanged_pages", "Pages that did not change since the last crawl.", ("how",)
ROWS = "rows", "Rows by table and by their change.", ("table", "outcome")
REJECTED = "rejected_items", "Items that were not stored, by table.", ("table",)
RETRIES = "retries", "Requests that were retried.", ()
GIVEN_UP = "given_up", "Requests that failed after all their retries.", ()
FAILED_RENDERS = "failed_renders", "Pages that the renderer did not return.", ("reason",)
Counted = tuple[tuple[str, str, tuple[str, ...]], Mapping[tuple[str, ...], int]]

RENDER_SECONDS = "render_seconds", "Seconds until the renderer answered."
COMMIT_SECONDS = "commit_seconds", "Seconds that transactions of pages took."


def counted(stats: Mapping[str, Any], tables: set[str]) -> Iterator[Counted]:
    """Yield each metric with its values by label, from Scrapy's stats. Tables without rows have zeros."""
    rows: dict[tuple[str, ...], int] = {}
    rejected: dict[tuple[str, ...], int] = {}
    reasons: dict[tuple[str, ...], int] = {}
    known = set(tables)
    for name, value in stats.items():
        match name.split("/"):
            case ["rows", table, "rejected"]:
                rejected[(table,)] = value
                known.add(table)
            case ["rows", table, outcome]:
                rows[table, outcome] = value
                known.add(table)
            case ["render", "failed", reason]:
                reasons[(reason,)] = value
    yield PAGES, {(state,): stats.get(f"pages/{state}", 0) for state in (DONE, FAILED, REFUSED, SKIPPED)}
    yield (
        UNCHANGED,
        {(how.replace(" ", "_"),): stats.get(f"{UNCHANGED_PAGES}{how}", 0) for how in HOW_UNCHANGED},
    )
    yield ROWS, {(table, outcome): 0 for table in sorted(known) for outcome in OUTCOMES} | rows
    yield REJECTED, {(table,): 0 for table in sorted(known)} | rejected
    yield RETRIES, {(): stats.get("retry/count", 0)}
    yield GIVEN_UP, {(): stats.get("retry/max_reached", 0)}
    yield FAILED_RENDERS, reasons


class RunningCrawl(Collector):
    """The metrics of a running crawl. It has a registry of its own, since a process may have several crawls.

    ``collect`` runs in a thread of the HTTP server: it copies the stats in one step, and reads single numbers.
    """

    def __init__(self, crawler: Crawler) -> None:
        assert crawler.spider is not None
        self.crawler = crawler
        self.spider = crawler.spider.name
        model = getattr(crawler.spider, "model", None)
        self.tables = {model.__tablename__} if model is not None else set()
        self.registry = CollectorRegistry()
        self.rendered = Histogram(
            PREFIX + RENDER_SECONDS[0], RENDER_SECONDS[1], ["spider"], buckets=BUCKETS, registry=self.registry
        ).labels(self.spider)
        self.registry.register(self)

    def describe(self) -> list[Metric]:
        return []  # so that registering it does not read metrics before the crawl has begun

    def collect(self) -> Iterator[Metric]:
        for (name, help_, labels), values in self.counted():
            counter = CounterMetricFamily(PREFIX + name, help_, labels=("spider", *labels))
            for which, value in values.items():
                counter.add_metric((self.spider, *which), value)
            yield counter
        run = RunExtension.of(self.crawler)
        if run is None or not run.writes:
            return
        yield self._gauge("run_id", "The ID of the run, as in scrapy runs.", run.held.id)
        queues = GaugeMetricFamily(
            PREFIX + "frontier_requests", "Requests by the place where they wait.", labels=("spider", "queue")
        )
        for queue, length in run.queues().items():
            queues.add_metric((self.spider, queue), length)
        yield queues
        writer = run.writer
        yield self._gauge("backlog_rows", "About how many rows wait to be committed.", writer.backlog)
        yield self._gauge(
            "database_lag_seconds", "Seconds that the oldest page waits to be committed.", writer.lag
        )
        number, seconds = writer.commits_timed
        commits = SummaryMetricFamily(PREFIX + COMMIT_SECONDS[0], COMMIT_SECONDS[1], labels=("spider",))
        commits.add_metric((self.spider,), number, seconds)
        yield commits

    def counted(self) -> Iterator[Counted]:
        assert self.crawler.stats is not None
        return counted(dict(self.crawler.stats.get_stats()), self.tables)

    def render_seconds(self) -> tuple[float, float]:
        """Return the number of rendered pages and the seconds that all of them took."""
        of = {"spider": self.spider}
        number, seconds = (
            self.registry.get_sample_value(f"{PREFIX}{RENDER_SECONDS[0]}_{what}", of)
            for what in ("count", "sum")
        )
        return number or 0.0, seconds or 0.0

    def _gauge(self, name: str, help_: str, value: float) -> GaugeMetricFamily:
        gauge = GaugeMetricFamily(PREFIX + name, help_, labels=("spider",))
        gauge.add_metric((self.spider,), value)
        return gauge


class LastRun(Collector):
    """The metrics of a crawl that has ended. They are gauges: a counter would be reset by the next run."""

    def __init__(self, running: RunningCrawl, *, ended_at: float, succeeded_at: float | None) -> None:
        self.running, self.ended_at, self.succeeded_at = running, ended_at, succeeded_at
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        spider, crawler = self.running.spider, self.running.crawler
        assert crawler.stats is not None
        for (name, help_, labels), values in self.running.counted():
            gauge = GaugeMetricFamily(LAST_RUN + name, help_, labels=("spider", *labels))
            for which, value in values.items():
                gauge.add_metric((spider, *which), value)
            yield gauge
        run = RunExtension.of(crawler)
        timed = {RENDER_SECONDS: self.running.render_seconds()}
        single: dict[tuple[str, str], float | None] = {
            (PREFIX + "last_success_time_seconds", "When the last good run ended."): self.succeeded_at,
            (LAST_RUN + "end_time_seconds", "When the last run ended."): self.ended_at,
            (LAST_RUN + "seconds", "Seconds that the last run took."): crawler.stats.get_value(
                "elapsed_time_seconds"
            ),
            (LAST_RUN + "verdict", "The exit code of the last run: 0 is good."): crawler.stats.get_value(
                VERDICT
            ),
        }
        if run is not None:
            single[LAST_RUN + "id", "The ID of the last run, as in scrapy runs."] = run.held.id
            if run.writes:
                timed[COMMIT_SECONDS] = run.writer.commits_timed
        for (name, help_), (number, seconds) in timed.items():
            single[f"{LAST_RUN}{name}_count", f"{help_} Number."] = number
            single[f"{LAST_RUN}{name}_sum", f"{help_} Sum."] = seconds
        for (name, help_), found in single.items():
            if found is not None:
                gauge = GaugeMetricFamily(name, help_, labels=("spider",))
                gauge.add_metric((spider,), found)
                yield gauge
