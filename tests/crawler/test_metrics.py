"""What real crawls tell Prometheus, while they run and when they have ended."""

from __future__ import annotations

import os
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from crawler.textfile import file_of
from tests.crawler.shelf_site import ShelfSite, quotes, shelf_site
from tests.crawls import ROOT, scrapy

MODULES = ("-s", "SPIDER_MODULES=tests.crawler.shelf_spider")
DEADLINE = 60.0


class Values(dict[str, float]):
    """A Prometheus text by "name" or "name label label", labels in their order and without the spider."""

    def __init__(self, text: str) -> None:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = [value for name, value in sorted(sample.labels.items()) if name != "spider"]
                name = " ".join([sample.name.removeprefix("splashdown_"), *labels])
                assert name not in self, name
                self[name] = sample.value


class Crawls:
    def __init__(self, folder: Path, site: ShelfSite) -> None:
        self.site, self.folder = site, folder / "metrics"
        self.env = {
            "DATABASE_URL": f"sqlite:///{folder}/metrics.db",
            "DEMO_URL": site.url,
            "METRICS_FOLDER": str(self.folder),
        }

    def crawl(self, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
        return scrapy("crawl", "shelf", *MODULES, *options, **self.env | env)

    def start(self, *options: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "scrapy", "crawl", "shelf", *MODULES, *options],
            cwd=ROOT,
            env=os.environ | {"SPLASHDOWN_ENV_FILE": ""} | self.env | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def file(self) -> Path:
        return file_of(self.folder, "shelf")

    def last(self) -> Values:
        return Values(self.file.read_text())


@pytest.fixture
def crawls(tmp_path: Path) -> Iterator[Crawls]:
    with shelf_site() as site:
        yield Crawls(tmp_path, site)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found: int = free.getsockname()[1]
        return found


def wait_for(what: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + DEADLINE
    while not what():
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.1)


def scraped(port: int) -> Values:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        return Values(response.read().decode())


def test_a_running_crawl_tells_how_it_goes_to_this_machine_alone(crawls: Crawls, port: int) -> None:
    crawls.site.shelf(8)
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


def test_the_lag_of_a_database_that_is_busy_is_seen(crawls: Crawls, port: int, tmp_path: Path) -> None:
    crawls.site.shelf(4)
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


def test_both_of_prometheus_formats_are_served(crawls: Crawls, port: int) -> None:
    crawls.site.shelf(2)
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


def test_the_last_run_and_the_last_good_one_are_in_the_spiders_file(crawls: Crawls) -> None:
    crawls.site.shelf(8)
    before = time.time()
    assert crawls.crawl().returncode == 0
    first = crawls.last()
    assert first["last_run_verdict"] == 0 and first["last_run_id"] == 1
    assert first["last_run_rows created quote"] == 8
    assert before < first["last_success_time_seconds"] <= time.time()
    assert first["last_run_commit_seconds_count"] >= 1

    crawls.site.shelf(6)
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
    assert [file.name for file in crawls.folder.iterdir()] == ["splashdown_shelf.prom"]


def test_the_file_can_be_read_by_others_whatever_the_umask(crawls: Crawls) -> None:
    crawls.site.shelf(2)
    umask = os.umask(0o077)
    try:
        assert crawls.crawl().returncode == 0
    finally:
        os.umask(umask)
    assert stat.S_IMODE(crawls.file.stat().st_mode) == 0o644


def test_a_reader_never_finds_half_a_file_while_several_crawls_end(crawls: Crawls) -> None:
    crawls.site.shelf(2)
    assert crawls.crawl().returncode == 0
    # They have the same rows, which are the last one's: MIN_ROWS is not what this is about.
    processes = [crawls.start("-a", f"n={number}", "-s", "MIN_ROWS=0") for number in range(3)]
    read = 0
    while any(process.poll() is None for process in processes):
        assert crawls.last()["last_run_verdict"] == 0
        read += 1
    for process in processes:
        log, _ = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0, log
    assert read > 10
    assert [file.name for file in crawls.folder.iterdir()] == ["splashdown_shelf.prom"]


def test_spiders_of_any_name_have_files_of_their_own() -> None:
    names = ["a/b", "a_b", "a b", "../a", "é"]
    files = {file_of(Path("/metrics"), name) for name in names}
    assert len(files) == len(names) and {file.parent for file in files} == {Path("/metrics")}


def test_a_port_that_is_taken_is_one_warning(crawls: Crawls) -> None:
    crawls.site.shelf(2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = crawls.crawl(METRICS_PORT=str(taken.getsockname()[1]))
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "] WARNING: " in line]
    assert len(said) == 1 and "no metrics at METRICS_PORT" in said[0], said
    assert crawls.last()["last_run_verdict"] == 0


def test_a_folder_that_cannot_be_written_to_is_one_warning(crawls: Crawls) -> None:
    crawls.site.shelf(2)
    crawls.folder.write_text("in the way")
    done = crawls.crawl()
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "] WARNING: " in line]
    assert len(said) == 1 and "no metrics in METRICS_FOLDER" in said[0], said


def test_rendered_pages_are_timed(tmp_path: Path, demo_site: str, chromium_renderer: str) -> None:
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
