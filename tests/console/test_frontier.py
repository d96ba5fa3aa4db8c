"""The frontier of a run: requests by state and host, the next ones, and why some failed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from console.queries import frontier as queries
from models import CrawlRun
from models.host import store_wait
from models.request import DONE, FAILED, LEASED, QUEUED, REFUSED
from models.run import database_now
from models.session import make_engine, make_sessions
from models.shared_run import NUMBERS
from models.worker import CrawlPartition, CrawlWorker
from tests.console.conftest import Client
from tests.console.runs import OWNER, add_rate, add_requests, add_run, add_samples

TRACEBACK = "Traceback (most recent call last):\n  File x\nValueError: password=hunter4secret"


@pytest.fixture
def each_engine(database_url: str) -> Iterator[Engine]:
    """Yield the engine of each database in turn: the order and the numbers depend on their indexes and limits."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def frontier(engine: Engine, run_id: int) -> queries.Frontier:
    with Session(engine) as session:
        return queries.frontier_of(session, session.get_one(CrawlRun, run_id), database_now(session))


def counted(found: queries.Frontier) -> dict[str, int]:
    return {one.state: one.number for one in found.counts if one.number}


def test_a_frontier_has_requests_by_state_and_host(each_engine: Engine) -> None:
    with make_sessions(each_engine).begin() as session:
        now = database_now(session)
        run = add_run(session, "books", now, verdict=None).id
        add_samples(session, run, now)
        add_requests(session, run, QUEUED, 3, priority=1)
        add_requests(session, run, QUEUED, 2, first=3, host="user:pw@B.example:8080", priority=5)
        add_requests(session, run, LEASED, 1, first=5)
        add_requests(session, run, DONE, 4, first=6)
        add_requests(session, run, FAILED, 2, first=10, status=500, error=TRACEBACK)
        add_requests(session, run, FAILED, 1, first=12, error="timeout")
        add_requests(session, run, REFUSED, 1, first=13, status=403, error="challenge")
        store_wait(session, run, "b.example:8080", now + timedelta(hours=1))
        store_wait(session, run, "over.example", now - timedelta(hours=1))
        add_requests(session, add_run(session, "other", now, verdict=None).id, QUEUED, 1)
    found = frontier(each_engine, run)
    assert counted(found) == {"queued": 5, "leased": 1, "done": 4, "failed": 3, "refused": 1}
    assert not any(one.is_about for one in found.counts)
    waiting, other = found.hosts.rows
    assert (waiting.host, waiting.numbers["queued"], waiting.total) == ("b.example:8080", 2, 2)
    assert waiting.waits_until is not None
    assert (other.host, other.numbers["done"], other.total, other.waits_until) == ("a.example", 4, 12, None)
    # In the order in which they are handed out: by priority, then the newest position.
    assert [one.number for one in found.next.rows] == [4, 3, 2, 1, 0]
    assert found.next.rows[0].host_waits_until == waiting.waits_until
    assert [(one.state, one.status, one.number) for one in found.failures.groups] == [
        ("failed", 500, 2),
        ("failed", None, 1),
        ("refused", 403, 1),
    ]
    assert found.failures.groups[0].reason == "ValueError: password=***"
    assert "hunter4secret" not in str([one.reason for one in found.failures.groups])
    assert found.progress is not None
    assert found.progress.pages_per_second == 2.0


def test_many_requests_are_estimated_and_said_to_be_about(
    engine: Engine, viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "COUNTED", 300)
    monkeypatch.setattr(queries, "SMALL", 500)
    monkeypatch.setattr(queries, "EXACT", 50)
    monkeypatch.setattr(queries, "SAMPLE", 400)
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        run = add_run(session, "books", now, verdict=None).id
        add_requests(session, run, QUEUED, 600)
        add_requests(session, run, DONE, 400, first=600, host="b.example")
        add_requests(session, run, FAILED, 60, first=1000, error="timeout")
        add_requests(session, run, LEASED, 1, first=1060, host="rare.example")
    found = frontier(engine, run)
    numbers = {one.state: one for one in found.counts}
    assert numbers["queued"].is_about
    assert 450 < numbers["queued"].number < 750
    assert (numbers["failed"].number, numbers["failed"].is_about) == (60, False)
    hosts = {line.host: line.numbers for line in found.hosts.rows}
    assert 250 < hosts["b.example"]["done"] < 550
    assert hosts["rare.example"]["leased"] == 1  # few requests of a state are all read
    assert found.hosts.about == ["done", "failed", "queued"]
    assert (found.failures.read, found.failures.number) == (50, 60)
    text = viewer.text(f"/frontier/{run}")
    assert "estimates from a sample" in text
    assert "Of 50 of 60 failed" in text


def test_a_shared_run_has_partitions_and_workers(each_engine: Engine) -> None:
    with make_sessions(each_engine).begin() as session:
        now = database_now(session)
        run = add_run(session, "books", now, verdict=None, partitions=3, workers=2).id
        for number, alive in ((0, True), (1, False)):
            heartbeat = now + timedelta(hours=1) if alive else now - timedelta(hours=1)
            session.add(
                CrawlWorker(
                    run_id=run,
                    number=number,
                    process=OWNER,
                    joined_at=now - timedelta(seconds=100),
                    heartbeat_at=heartbeat,
                    pages=50,
                )
            )
        for part in range(3):
            session.add(CrawlPartition(run_id=run, part=part, worker=0 if part else None))
        for part in range(3):
            # Each worker has its own numbers.
            add_requests(session, run, QUEUED, 2, first=part * NUMBERS, part=part)
    found = frontier(each_engine, run)
    assert (found.next.parts, found.next.all_parts) == (3, 3)
    assert sorted(one.number % NUMBERS for one in found.next.rows) == [0, 0, 0, 1, 1, 1]
    assert [(one.is_alive, one.partitions, one.pages) for one in found.workers] == [
        (True, 2, 50),
        (False, 0, 50),
    ]
    with Session(each_engine) as session:
        assert queries._ranges(session, run) == [(n * NUMBERS, n * NUMBERS + 1) for n in range(3)]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://A.example/x", "a.example"),
        ("http://u:p@a.example:81?q=@b", "a.example:81"),
        ("https://[::1]:80/", "[::1]:80"),
        ("http://a.example\\@evil.example/", "a.example"),
        ("data:,x", ""),
        ("", ""),
    ],
)
def test_the_host_of_a_url(url: str, host: str) -> None:
    assert queries.host_of(url) == host


def test_no_page_shows_a_secret_or_markup(viewer: Client, engine: Engine) -> None:
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        run = add_run(session, "<b>x</b>", now, verdict=None, arguments={"q": "<i>"}).id
        add_requests(session, run, QUEUED, 2, host="<script>1</script>")
        add_requests(
            session, run, FAILED, 1, first=2, error="<script>2</script> Authorization: Basic aHVudGVyMjpwdw=="
        )
        add_requests(session, run, QUEUED, 1, first=3, host="x", url="javascript:alert(1)")
    part = viewer.parts(f"/frontier/{run}/stream")["live"]
    for text in (viewer.text("/frontier/"), viewer.text(f"/frontier/{run}"), part):
        for hostile in ("<script>1", "<script>2", "<b>x", "<i>", 'href="javascript'):
            assert hostile not in text
    for path in (f"/frontier/{run}", f"/api/v1/frontier/{run}"):
        text = viewer.text(path)
        for secret in ("hunter2secret", "hunter3secret", "aHVudGVyMjpwdw=="):
            assert secret not in text, (path, secret)


def test_wrong_and_empty_frontiers(viewer: Client, engine: Engine) -> None:
    assert "No run is unfinished" in viewer.text("/frontier/")
    for path in (
        "/frontier/1",
        "/frontier/1/stream",
        "/frontier/99999999999",
        "/frontier/x",
    ):
        assert viewer.get(path).status_code == 404
    assert viewer.get("/api/v1/frontier/1").status_code == 404
    with make_sessions(engine).begin() as session:
        run = add_run(session, "books", database_now(session), verdict=None).id
    assert "no requests yet" in viewer.text(f"/frontier/{run}")
    answer: Any = viewer.get("/api/v1/frontier").json
    assert [row["run"]["id"] for row in answer["rows"]] == [run]


def test_a_frontier_has_the_pages_a_second_of_the_hosts_that_are_crawled_now(each_engine: Engine) -> None:
    with make_sessions(each_engine).begin() as session:
        now = database_now(session)
        run = add_run(session, "books", now, verdict=None).id
        other = add_run(session, "other", now, verdict=None).id
        add_requests(session, run, DONE, 3)
        add_requests(session, run, DONE, 4, first=3, host="idle.example")
        add_rate(session, run, now, "a.example", 10)
        add_rate(session, run, now, "a.example", 15, worker=1, seconds=15.0)
        add_rate(session, run, now - timedelta(seconds=90), "a.example", 500, worker=2)  # it was killed
        add_rate(session, run, now - timedelta(seconds=90), "idle.example", 500, worker=2)
        add_rate(session, run, now, "rare.example:81", 1)  # of a million hosts, and not in the sample
        add_rate(session, other, now, "a.example", 500)
    found = frontier(each_engine, run).hosts.rows
    assert [(line.host, line.pages_per_second, line.total) for line in found] == [
        ("a.example", 3.0, 3),
        ("rare.example:81", 0.2, 0),
        ("idle.example", None, 4),
    ]


def test_the_frontier_page_and_the_api_show_the_pages_a_second(viewer: Client, engine: Engine) -> None:
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        run = add_run(session, "books", now, verdict=None).id
        add_requests(session, run, DONE, 3)
        add_rate(session, run, now, "a.example", 17)
        add_rate(session, run, now, "<script>9</script>", 1)
    text = viewer.text(f"/frontier/{run}")
    assert "3.4" in text.partition("a.example")[2].partition("</tr>")[0]
    assert "<script>9" not in text
    rows = viewer.get(f"/api/v1/frontier/{run}").json["hosts"]["rows"]
    assert (rows[0]["host"], rows[0]["pages_per_second"]) == ("a.example", 3.4)
