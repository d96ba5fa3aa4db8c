"""The list of runs and the page of a run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from console.queries.comparison import Compared, compare
from console.queries.run_parts import worker_state
from console.queries.runs import arguments_in
from crawler.run.verdict import BELOW_POLICY
from models import CrawlRun
from models.crawl_order import CrawlOrder
from models.host import CrawlHost
from models.process_id import Process
from models.run import database_now, scope_of
from models.run_sample import RunSample
from models.run_stats import RunStats
from models.session import make_sessions
from models.spider_schedule import SpiderSchedule
from models.worker import CrawlWorker
from tests.console.conftest import Client
from tests.console.runs import add_rate, add_samples

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def add_run(engine: Engine, number: int, **values: Any) -> None:
    """Store a good run of books that ended an hour after its start."""
    arguments = values.pop("arguments", {})
    with make_sessions(engine).begin() as session:
        given = {
            "spider": "books",
            "scope": scope_of("books", arguments),
            "started_at": NOON,
            "finished_at": NOON + timedelta(hours=1),
            "finish_reason": "finished",
            "verdict": 0,
            "seconds": 3600.0,
        }
        session.add(CrawlRun(id=number, arguments=arguments, **given | values))


def shown(client: Client, query: str) -> list[int]:
    return [run["id"] for run in client.get(f"/api/v1/runs?{query}").json["rows"]]


def test_runs_are_found_by_arguments_and_days(viewer: Client, engine: Engine) -> None:
    add_run(engine, 1, arguments={"shelf": "art"})
    add_run(engine, 2, arguments={"shelf": "new books", "year": 2026})
    add_run(engine, 3, started_at=NOON + timedelta(days=1))
    assert shown(viewer, "arguments=shelf%3Dart") == [1]
    assert shown(viewer, "arguments=year%3D2026+shelf%3D'new+books'") == [2]
    assert shown(viewer, "since=2026-11-30") == [3]
    assert shown(viewer, "until=2026-11-29") == [2, 1]
    page = viewer.text("/runs/?arguments=shelf%3Dart&until=2026-11-29")
    assert "/runs/1" in page
    assert "/runs/2" not in page


@pytest.mark.parametrize("query", ["arguments=shelf", "arguments='", "since=yesterday", "until=9999-12-31"])
def test_a_wrong_filter_is_said(viewer: Client, query: str) -> None:
    assert viewer.get(f"/runs/?{query}").status_code == 400
    assert viewer.get(f"/api/v1/runs?{query}").status_code == 400


def test_arguments_are_read_as_a_shell_does() -> None:
    assert arguments_in("a=1 b='x y' c=") == {"a": "1", "b": "x y", "c": ""}


def test_the_lists_of_the_page_leave_the_chart_alone(viewer: Client, engine: Engine) -> None:
    add_run(engine, 1, finished_at=None, verdict=None, owner=str(Process.current()))
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        session.get_one(CrawlRun, 1).heartbeat_at = now
        session.add(CrawlHost(run_id=1, host="shop.example:80", not_before=now + timedelta(minutes=5)))
        session.add(CrawlHost(run_id=1, host="old.example:80", not_before=now - timedelta(minutes=5)))
    page = viewer.text("/runs/1")
    parts = viewer.parts("/runs/1/stream")
    for text in (page, parts["lists"]):
        assert "shop.example:80" in text
        assert "old.example" not in text
    assert 'data-stream="/runs/1/stream"' in page
    assert "data-chart" in page
    assert all(f'id="{name}"' in page for name in parts)
    assert list(parts["chart"]) == ["at", "queued", "done", "failed"]
    assert "data-chart" not in parts["live"] + parts["lists"]


def test_a_shared_run_shows_its_workers(viewer: Client, engine: Engine) -> None:
    add_run(engine, 1, partitions=64, workers=2)
    with make_sessions(engine).begin() as session:
        for number, note in ((1, None), (2, "it died")):
            session.add(
                CrawlWorker(
                    run_id=1,
                    number=number,
                    process=str(Process.current()),
                    joined_at=NOON,
                    heartbeat_at=NOON,
                    left_at=NOON if note else None,
                    pages=number * 100,
                    note=note,
                )
            )
    assert "it died" in viewer.text("/runs/1")
    workers = viewer.get("/api/v1/runs/1").json["workers"]
    assert [(one["number"], one["state"], one["pages"]) for one in workers] == [
        (1, "silent", 100),
        (2, "left", 200),
    ]
    living = CrawlWorker(heartbeat_at=NOON, left_at=None, idle=False, leaving=False)
    assert worker_state(living, NOON) == "working"


def test_only_a_run_that_may_be_accepted_has_the_button(operator: Client, engine: Engine) -> None:
    add_run(engine, 1, verdict=BELOW_POLICY, acceptable=True, reasons=["fewer rows"], counts={})
    add_run(engine, 2, verdict=BELOW_POLICY, acceptable=False, reasons=["failed pages"])
    add_run(engine, 3)
    assert "/runs/1/accept" in operator.text("/runs/1")
    for number in (2, 3):
        assert "/accept" not in operator.text(f"/runs/{number}")
        assert operator.post(f"/api/v1/runs/{number}/accept").status_code == 409
    assert operator.post("/runs/1/accept").status_code == 302
    assert operator.post("/api/v1/runs/1/accept").status_code == 409, "it was asked for already"
    with engine.connect() as connection:
        assert connection.execute(select(CrawlOrder.kind, CrawlOrder.run_id)).all() == [("accept", 1)]


def test_a_viewer_accepts_nothing(viewer: Client, engine: Engine) -> None:
    add_run(engine, 1, verdict=BELOW_POLICY, acceptable=True, reasons=["fewer rows"])
    assert viewer.post("/runs/1/accept").status_code == 403
    assert "/accept" not in viewer.text("/runs/1")


def test_a_run_starts_again_with_changed_arguments(operator: Client, engine: Engine) -> None:
    add_run(engine, 1, arguments={"shelf": "art", "password": "***"}, counts={"pages": {"failed": 2}})
    with make_sessions(engine).begin() as session:
        session.add(
            SpiderSchedule(
                spider="books", loaded_at=database_now(session), spider_arguments=["shelf", "year"]
            )
        )
    assert "how=failed_only" in operator.text("/runs/1")
    form = operator.text("/runs/1/again?how=failed_only")
    assert 'value="failed_only" checked' in form
    assert 'value="year" readonly' in form
    assert "***" not in form
    data = {"name": ["shelf", "year", ""], "value": ["new", "", "x"], "how": "failed_only"}
    assert operator.post("/runs/1/again", data).status_code == 302
    with engine.connect() as connection:
        arguments = connection.scalars(select(CrawlOrder.arguments)).one()
    assert arguments == {"arguments": {"shelf": "new"}, "failed_only": True, "fresh": False}


def test_runs_are_compared_by_figure() -> None:
    this = RunStats(pages={"done": 9}, rows={"book": 5}, changes={"book/unchanged": 4, "book/gone": 1})
    other = RunStats(rows={"book": 8}, coverage={"book": {"price": 1.0}})
    assert compare(this, other, seconds=1.5, other_seconds=None) == [
        Compared(kind="duration", name="seconds", this=1.5, other=None),
        Compared(kind="pages", name="done", this=9, other=0),
        Compared(kind="rows", name="book", this=5, other=8),
        Compared(kind="changes", name="book/gone", this=1, other=0),
        Compared(kind="coverage", name="book.price", this=None, other=1.0),
    ]


def test_rendered_and_unchanged_pages_are_counted(viewer: Client, engine: Engine) -> None:
    counts = {"pages": {"done": 7}, "rendering": {"plain": 5}, "unchanged": {"304": 3}}
    add_run(engine, 1, counts=counts)
    text = viewer.text("/runs/1")
    assert "5 plain" in text
    assert "3 answered with HTTP 304" in text


def test_a_running_run_shows_its_rendered_and_plain_pages_and_the_speed_of_its_hosts(
    viewer: Client, engine: Engine
) -> None:
    add_run(engine, 1, finished_at=None, verdict=None, owner=str(Process.current()))
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        session.get_one(CrawlRun, 1).heartbeat_at = now
        add_samples(session, 1, now)
        add_rate(session, 1, now, "fast.example", 21)
        add_rate(session, 1, now, "<i>slow</i>", 4)
        session.add(CrawlHost(run_id=1, host="<i>slow</i>", not_before=now + timedelta(minutes=5)))
        session.add(CrawlHost(run_id=1, host="asleep.example", not_before=now + timedelta(minutes=9)))
    parts = viewer.parts("/runs/1/stream")
    for text in (viewer.text("/runs/1"), parts["live"] + parts["lists"]):
        assert "<b>60</b> rendered" in text
        assert "<b>20</b> plain" in text
        assert "4.2" in text.partition("fast.example")[2].partition("</tr>")[0]
        assert "<i>" not in text
    answer = viewer.get("/api/v1/runs/1").json
    assert (answer["progress"]["rendered"], answer["progress"]["plain"]) == (60, 20)
    assert [(one["host"], one["pages_per_second"], bool(one["waits_until"])) for one in answer["hosts"]] == [
        ("fast.example", 4.2, False),
        ("<i>slow</i>", 0.8, True),
        ("asleep.example", None, True),
    ]
    assert viewer.get("/api/v1/runs/1/samples").json["rows"][-1]["rendered"] == 60


def test_a_finished_run_shows_the_rendered_and_plain_pages_of_its_last_sample(
    viewer: Client, engine: Engine
) -> None:
    for number in (1, 2):
        add_run(engine, number, counts={"pages": {"done": 80}})
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        add_samples(session, 1, now)
        add_samples(session, 2, now)
        session.execute(update(RunSample).where(RunSample.run_id == 2).values(rendered=None, plain=None))
        add_rate(session, 1, now, "killed.example", 21)
    text = viewer.text("/runs/1")
    assert "<b>60</b> rendered" in text
    assert "<b>20</b> plain" in text
    assert "killed.example" not in text
    assert "</b> rendered" not in viewer.text("/runs/2"), "the run is from before the update"
