"""The metrics of real crawls: over HTTP while they run, and in a file at their end."""

from __future__ import annotations

import os
import socket
import sqlite3
import stat
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics

from crawler.metrics.textfile import file_of
from tests.crawler.fake_shop_site import fake_shop, quotes
from tests.crawler.metrics_crawls import MetricsCrawls, Values
from tests.crawler.shop_crawls import DEADLINE, wait_for
from tests.crawls import scrapy


@pytest.fixture
def crawls(tmp_path: Path) -> Iterator[MetricsCrawls]:
    with fake_shop() as site:
        yield MetricsCrawls(tmp_path, site)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found: int = free.getsockname()[1]
        return found


def scraped(port: int) -> Values:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        return Values(response.read().decode())


def test_a_running_crawl_serves_its_metrics_to_this_machine_only(crawls: MetricsCrawls, port: int) -> None:
    crawls.site.fill(8)
    crawls.site.pages["/0"]["items"] += quotes(99, body=None)
    crawls.site.held["/6"] = threading.Event()
    process = crawls.start("-a", "n=1", METRICS_PORT=str(port))
    try:
        wait_for(lambda: "/6" in crawls.site.asked, process)
        wait_for(lambda: scraped(port)["pages_total done"] == 4, process)
        values = scraped(port)
        listening = {
            one.laddr.ip
            for one in psutil.Process(process.pid).net_connections("inet")
            if one.status == psutil.CONN_LISTEN
        }
    finally:
        crawls.site.held["/6"].set()
        log, _ = process.communicate(timeout=DEADLINE)
    assert listening == {"127.0.0.1"}
    assert values["rows_total created quote"] == 6
    assert values["rows_total unchanged quote"] == 0
    assert values["rejected_items_total quote"] == 1
    assert values["pages_total failed"] == 0
    assert values["frontier_requests in_flight"] == 1
    assert values["frontier_requests window"] == values["frontier_requests table"] == 0
    assert values["backlog_rows"] == values["database_lag_seconds"] == 0
    assert values["commit_seconds_count"] >= 1 and values["commit_seconds_sum"] > 0
    assert values["run_id"] == 1
    assert process.returncode == 2, log  # more than one item in twenty was rejected
    assert crawls.last()["last_run_pages done"] == 5


def test_the_metrics_show_the_lag_of_a_busy_database(
    crawls: MetricsCrawls, port: int, tmp_path: Path
) -> None:
    crawls.site.fill(4)
    crawls.site.held["/2"] = threading.Event()
    process = crawls.start(METRICS_PORT=str(port))
    database = sqlite3.connect(tmp_path / "metrics.db", timeout=30, isolation_level=None)
    try:
        wait_for(lambda: "/2" in crawls.site.asked, process)
        wait_for(lambda: scraped(port)["pages_total done"] == 2, process)
        database.execute("BEGIN IMMEDIATE")
        crawls.site.held["/2"].set()
        wait_for(lambda: scraped(port)["database_lag_seconds"] > 0.5, process)
        busy = scraped(port)
        assert busy["frontier_requests uncommitted"] == 1 and busy["backlog_rows"] == 3
        assert busy["pages_total done"] == 2
        database.execute("ROLLBACK")
    finally:
        crawls.site.held["/2"].set()
        database.close()
        log, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, log
    assert crawls.last()["last_run_commit_seconds_sum"] > 0.5


def test_a_crawl_serves_both_formats_of_prometheus(crawls: MetricsCrawls, port: int) -> None:
    crawls.site.fill(2)
    crawls.site.held["/0"] = threading.Event()
    process = crawls.start(METRICS_PORT=str(port))
    try:
        wait_for(lambda: "/0" in crawls.site.asked, process)
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/metrics",
            headers={"Accept": "application/openmetrics-text; version=1.0.0"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            families = {family.name: family for family in openmetrics(response.read().decode())}
    finally:
        crawls.site.held["/0"].set()
        process.communicate(timeout=DEADLINE)
    assert families["splashdown_pages"].type == "counter"
    assert families["splashdown_render_seconds"].type == "histogram"


def test_the_file_of_a_spider_has_its_last_run_and_its_last_good_run(crawls: MetricsCrawls) -> None:
    crawls.site.fill(8)
    before = time.time()
    assert crawls.crawl().returncode == 0
    first = crawls.last()
    assert first["last_run_verdict"] == 0 and first["last_run_id"] == 1
    assert first["last_run_rows created quote"] == 8
    assert before < first["last_success_time_seconds"] <= time.time()
    assert first["last_run_commit_seconds_count"] >= 1

    crawls.site.fill(6)
    crawls.site.pages["/0"] = {"items": [*quotes(0), *quotes(1, body="another")]}
    assert crawls.crawl("-s", "GONE_LIMIT=0.5").returncode == 0
    second = crawls.last()
    outcomes = {name.split()[1]: value for name, value in second.items() if name.startswith("last_run_rows")}
    assert outcomes == {"created": 0, "changed": 1, "unchanged": 5, "gone": 2, "returned": 0}

    crawls.site.pages = {}
    assert crawls.crawl().returncode == 2
    third = crawls.last()
    assert third["last_run_verdict"] == 2 and third["last_run_id"] == 3
    assert third["last_success_time_seconds"] == second["last_success_time_seconds"]
    assert third["last_run_end_time_seconds"] > second["last_run_end_time_seconds"]
    assert [file.name for file in crawls.folder.iterdir()] == ["splashdown_shop.prom"]


def test_other_users_can_read_the_file_with_any_umask(crawls: MetricsCrawls) -> None:
    crawls.site.fill(2)
    umask = os.umask(0o077)
    try:
        assert crawls.crawl().returncode == 0
    finally:
        os.umask(umask)
    assert stat.S_IMODE(crawls.file.stat().st_mode) == 0o644


def test_a_reader_always_finds_a_complete_file_while_several_crawls_end(crawls: MetricsCrawls) -> None:
    crawls.site.fill(2)
    assert crawls.crawl().returncode == 0
    # They have the same rows, which belong to the last crawl: without this, MIN_ROWS would fail.
    processes = [crawls.start("-a", f"n={number}", "-s", "MIN_ROWS=0") for number in range(3)]
    read = 0
    while any(process.poll() is None for process in processes):
        assert crawls.last()["last_run_verdict"] == 0
        read += 1
    for process in processes:
        log, _ = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0, log
    assert read > 10
    assert [file.name for file in crawls.folder.iterdir()] == ["splashdown_shop.prom"]


def test_each_name_of_a_spider_has_its_own_file() -> None:
    names = ["a/b", "a_b", "a b", "../a", "é"]
    files = {file_of(Path("/metrics"), name) for name in names}
    assert len(files) == len(names) and {file.parent for file in files} == {Path("/metrics")}


def test_a_crawl_logs_one_warning_for_a_port_in_use(crawls: MetricsCrawls) -> None:
    crawls.site.fill(2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = crawls.crawl(METRICS_PORT=str(taken.getsockname()[1]))
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "] WARNING: " in line]
    assert len(said) == 1 and "no metrics at METRICS_PORT" in said[0], said
    assert crawls.last()["last_run_verdict"] == 0


def test_a_crawl_logs_one_warning_for_a_folder_that_cannot_be_written(crawls: MetricsCrawls) -> None:
    crawls.site.fill(2)
    crawls.folder.write_text("in the way")
    done = crawls.crawl()
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "] WARNING: " in line]
    assert len(said) == 1 and "no metrics in METRICS_FOLDER" in said[0], said


def test_the_metrics_have_the_seconds_of_rendered_pages(
    tmp_path: Path, demo_site: str, chromium_renderer: str
) -> None:
    done = scrapy(
        *("crawl", "quotes", "-s", "CLOSESPIDER_PAGECOUNT=2"),
        DATABASE_URL=f"sqlite:///{tmp_path}/quotes.db",
        DEMO_URL=demo_site,
        SPLASH_URL=chromium_renderer,
        METRICS_FOLDER=str(tmp_path),
    )
    last = Values(file_of(tmp_path, "quotes").read_text())
    assert last["last_run_render_seconds_count"] >= 1, done.stderr
    assert last["last_run_render_seconds_sum"] > 0.05
