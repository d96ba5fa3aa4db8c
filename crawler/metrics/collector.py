"""What a crawl has to tell Prometheus: read from its stats, its frontier and its writer when somebody asks.

Nothing is counted twice, and a crawl that nobody asks pays nothing; ``docs/metrics.md`` has the names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector
from scrapy.crawler import Crawler

from crawler.extensions.run import RunExtension
from models.change import CHANGED, CREATED, GONE, RETURNED
from models.request import DONE, FAILED, SKIPPED

PREFIX = "splashdown_"
LAST_RUN = "splashdown_last_run_"
OUTCOMES = (CREATED, CHANGED, "unchanged", GONE, RETURNED)
BUCKETS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 13, 20, 30, 60, 120)  # seconds

PAGES = "pages", "Pages by what became of them.", ("outcome",)
ROWS = "rows", "Rows by table and by what became of them.", ("table", "outcome")
REJECTED = "rejected_items", "Items that were not stored, by table.", ("table",)
RETRIES = "retries", "Requests that were made again.", ()
GIVEN_UP = "given_up", "Requests that failed after all their retries.", ()
FAILED_RENDERS = "failed_renders", "Pages that the renderer did not give.", ("reason",)
Counted = tuple[tuple[str, str, tuple[str, ...]], Mapping[tuple[str, ...], int]]

RENDER_SECONDS = "render_seconds", "Seconds until the renderer answered."
COMMIT_SECONDS = "commit_seconds", "Seconds that transactions of pages took."


def counted(stats: Mapping[str, Any], tables: set[str]) -> Iterator[Counted]:
    """What Scrapy's stats count, by metric and labels; zeros included, also for tables that had nothing yet."""
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
    yield PAGES, {(state,): stats.get(f"pages/{state}", 0) for state in (DONE, FAILED, SKIPPED)}
    yield ROWS, {(table, outcome): 0 for table in sorted(known) for outcome in OUTCOMES} | rows
    yield REJECTED, {(table,): 0 for table in sorted(known)} | rejected
    yield RETRIES, {(): stats.get("retry/count", 0)}
    yield GIVEN_UP, {(): stats.get("retry/max_reached", 0)}
    yield FAILED_RENDERS, reasons


class RunningCrawl(Collector):
    """A crawl as it is at the moment. Its registry is its own, for a process may have several crawls.

    It is asked in a thread of the HTTP server's: all that it reads is read at once, or is a number.
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
        return []  # nothing is to be read before the crawl has begun

    def collect(self) -> Iterator[Metric]:
        for (name, help_, labels), values in self.counted():
            counter = CounterMetricFamily(PREFIX + name, help_, labels=("spider", *labels))
            for which, value in values.items():
                counter.add_metric((self.spider, *which), value)
            yield counter
        run = RunExtension.of(self.crawler)
        if run is None or not run.writes:
            return
        yield self._gauge("run_id", "The number of the run, as in scrapy runs.", run.held.id)
        queues = GaugeMetricFamily(
            PREFIX + "frontier_requests", "Requests by where they wait.", labels=("spider", "queue")
        )
        for queue, length in run.queues().items():
            queues.add_metric((self.spider, queue), length)
        yield queues
        writer = run.writer
        yield self._gauge("backlog_rows", "Rows, roughly, that wait to be committed.", writer.backlog)
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
        """How many pages were rendered, and the seconds that all of them took."""
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
    """A crawl that has ended, as gauges: the next one begins at 0 again, and that is no counter's reset."""

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
            (PREFIX + "last_success_time_seconds", "When a run was last good."): self.succeeded_at,
            (LAST_RUN + "end_time_seconds", "When the last run ended."): self.ended_at,
            (LAST_RUN + "seconds", "How long it took."): crawler.stats.get_value("elapsed_time_seconds"),
            (LAST_RUN + "verdict", "Its exit code: 0 is good."): crawler.stats.get_value("run/verdict"),
        }
        if run is not None:
            single[LAST_RUN + "id", "Its number, as in scrapy runs."] = run.held.id
            if run.writes:
                timed[COMMIT_SECONDS] = run.writer.commits_timed
        for (name, help_), (number, seconds) in timed.items():
            single[f"{LAST_RUN}{name}_count", f"{help_} How many."] = number
            single[f"{LAST_RUN}{name}_sum", f"{help_} All together."] = seconds
        for (name, help_), found in single.items():
            if found is not None:
                gauge = GaugeMetricFamily(name, help_, labels=("spider",))
                gauge.add_metric((spider,), found)
                yield gauge
