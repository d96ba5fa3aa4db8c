"""Today: what runs, what is bad, what is late, and the last runs of each spider."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from console.queries import today as queries
from console.queries.last_runs import is_far, spiders_after
from console.queries.late import GRACE, is_late, late_spiders
from models.run import database_now
from models.session import make_sessions
from models.spider_schedule import SpiderSchedule
from tests.console.conftest import Client
from tests.console.runs import add_run, add_samples, add_schedule

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
HOSTILE = '<script>alert("x")</script>\u202eevil'


def schedule(**values: object) -> SpiderSchedule:
    return SpiderSchedule(
        **{"spider": "books", "declared": "15 3 * * *", "timezone": "Europe/Berlin", **values}
    )


def at(hour: int, minute: int = 0, day: int = 30) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


# 03:15 in Berlin is 02:15 UTC in winter.
@pytest.mark.parametrize(
    ("values", "last", "due"),
    [
        ({}, at(2, 15), None),
        ({}, at(2, 15, day=29), at(2, 15)),
        ({"paused_at": at(1)}, at(2, 15, day=29), None),
        ({"chosen": "off"}, at(2, 15, day=29), None),
        ({"chosen": "0 11 * * *"}, at(2, 15), at(10)),
        # It was changed after the time at which it should have begun.
        ({"chosen": "0 11 * * *", "changed_at": at(11)}, at(2, 15), None),
        ({"timezone": "No/Where"}, at(2, 15), at(3, 15)),
        ({"chosen": "nonsense"}, at(2, 15, day=29), None),
        # Of a spider that never ran only the scheduler's own time counts.
        ({}, None, None),
        ({"next_at": at(2, 15)}, None, at(2, 15)),
        ({"next_at": at(2, 15, day=30) + timedelta(days=1)}, None, None),
    ],
)
def test_a_spider_is_late_if_no_run_began_since_its_last_time(
    values: dict[str, object], last: datetime | None, due: datetime | None
) -> None:
    assert is_late(schedule(**values), NOON, last) == due


def test_a_spider_is_not_late_at_once() -> None:
    due = at(2, 15)
    assert is_late(schedule(), due + GRACE, at(2, 15, day=29)) is None
    assert is_late(schedule(), due + GRACE + timedelta(seconds=1), at(2, 15, day=29)) == due


def test_a_resumed_or_running_crawl_is_not_late(engine: Engine) -> None:
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        for spider in ("old", "resumed", "running"):
            add_schedule(session, spider, now)
        add_run(session, "old", now, ago=30)
        add_run(session, "resumed", now, ago=30, held_since=now)
        add_run(session, "running", now, ago=30, verdict=None)
        # A trial by hand is no run of the schedule.
        add_run(session, "old", now, ago=0, trial_pages=3)
    with Session(engine) as session:
        assert [one.spider for one in late_spiders(session, now, ["running"])] == ["old"]
        assert {one.spider for one in late_spiders(session, now)} == {"old", "running"}


@pytest.mark.parametrize(
    ("value", "usual", "far"),
    [
        (10, 10, False),
        (5, 10, False),
        (4, 10, True),
        (21, 10, True),
        (3, 1, False),
        (6, 0, True),
        (0, 4, False),
    ],
)
def test_a_count_is_far_from_usual(value: int, usual: int, far: bool) -> None:
    assert is_far(value, usual) is far


def test_the_usual_counts_are_those_of_the_good_runs_before(engine: Engine) -> None:
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        add_run(session, "books", now, ago=9, rows=1)  # older than three good runs
        for ago, rows in ((8, 100), (7, 102), (6, 104)):
            add_run(session, "books", now, ago=ago, rows=rows)
        add_run(session, "books", now, ago=5, rows=7, verdict=2)
        add_run(session, "books", now, ago=4, rows=5, arguments={"page": "1"})  # another scope
        add_run(session, "books", now, ago=3, rows=50, rejected=9)
        add_run(session, "books", now, ago=2, rows=1, trial_pages=1)
        add_run(session, "quotes", now, ago=5, rows=30)
        add_run(session, "quotes", now, ago=4, rows=9, verdict=2, accepted_at=now)
        add_run(session, "quotes", now, ago=3, rows=9)
        add_run(session, "quotes", now, ago=1, verdict=None)
        add_schedule(session, "shop", now)
    with Session(engine) as session:
        books, quotes, shop = spiders_after(session, now, "", 10)
    assert books.spider == "books"
    assert books.rows is not None
    assert (books.rows.value, books.rows.usual, books.good_runs) == (50, 102, 3)
    assert books.rows.is_unusual
    assert books.rejected is not None
    assert books.rejected.is_unusual
    assert [one.tone for one in books.strip] == ["good"] * 4 + ["bad"] + ["good"] * 2
    # Runs before an accepted one do not count any more.
    assert quotes.rows is not None
    assert (quotes.rows.usual, quotes.good_runs) == (9, 1)
    # Of a running crawl nothing can be compared yet: the one before it is shown.
    assert quotes.last is not None
    assert (quotes.last.exit_code, quotes.strip[-1].tone) == (0, "live")
    assert (shop.spider, shop.last, list(shop.strip)) == ("shop", None, [])


def test_a_strip_has_the_last_thirty_verdicts(engine: Engine) -> None:
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        for number in range(32):
            add_run(session, "books", now, ago=40 - number, verdict=2 if number == 31 else 0)
    with Session(engine) as session:
        (books,) = spiders_after(session, now, "", 10)
    assert [one.id for one in books.strip] == list(range(3, 33))
    assert [one.tone for one in books.strip] == ["good"] * 29 + ["bad"]


def test_a_bad_run_is_listed_until_a_later_one_of_its_scope_is_good(engine: Engine) -> None:
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        add_run(session, "mended", now, ago=5, verdict=2)
        add_run(session, "mended", now, ago=4)
        one = add_run(session, "books", now, ago=5, verdict=2, arguments={"shelf": "art"}).id
        add_run(session, "books", now, ago=4)  # another scope
        add_run(session, "accepted", now, ago=3, verdict=2, accepted_at=now)
        add_run(session, "ancient", now, ago=24 * 40, verdict=2)
        killed = add_run(session, "killed", now, verdict=None, heartbeat_at=now - timedelta(hours=1)).id
        live = add_run(session, "live", now, ago=2, verdict=None).id
        add_samples(session, live, now)
    with Session(engine) as session:
        found = queries.today(session, now)
    assert [run.id for run in found.bad] == [killed, one]
    (running,) = found.running
    assert (running.run.id, running.progress.pages_per_second) == (live, 2.0)  # type: ignore[union-attr]
    assert running.progress.seconds_left == 50  # type: ignore[union-attr]


def test_the_page_shows_hostile_values_as_text(viewer: Client, engine: Engine) -> None:
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        add_run(session, HOSTILE, now, verdict=2, reasons=[HOSTILE, "password=hunter2secret"])
        add_run(session, HOSTILE, now, verdict=None, arguments={"q": HOSTILE})
        add_schedule(session, HOSTILE, now, declared="* * * * *")
    parts = viewer.parts("/today/stream")
    for text in (viewer.text("/"), parts["live"], parts["spiders"]):
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text
        assert "hunter2secret" not in text
    strip = parts["spiders"]
    assert 'title="run 1: below its policy' in strip
    assert 'href="/runs/1"' in strip


def test_an_empty_page_says_what_to_type(viewer: Client) -> None:
    text = viewer.text("/")
    assert "scrapy crawl books" in text
    assert "scrapy list" in text
    assert "No spider is called so" in viewer.text("/?spider=x")


def test_spiders_are_paged_by_name(viewer: Client, engine: Engine) -> None:
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        for name in ("b", "c", "a", "Ä"):
            add_run(session, name, now)
    first = viewer.get("/api/v1/spiders?limit=3").json
    second = viewer.get(f"/api/v1/spiders?limit=3&after={first['after']}").json
    assert [row["spider"] for row in first["rows"] + second["rows"]] == ["a", "b", "c", "Ä"]
    assert second["after"] is None
    assert viewer.get("/?after=nonsense").status_code == 400
    assert viewer.get("/api/v1/spiders?after=WzFd").status_code == 400  # a number
    assert "Next page" in viewer.text("/?limit=2")


def test_the_stamp_changes_with_what_the_page_shows(engine: Engine) -> None:
    def stamp() -> str:
        with Session(engine) as session:
            return queries.stamp(session).rpartition(", '")[0]  # without the minute

    sessions = make_sessions(engine)
    with sessions.begin() as session:
        now = database_now(session)
        run = add_run(session, "books", now, verdict=None)
    seen = [stamp()]
    with sessions.begin() as session:
        add_samples(session, run.id, now, 1)
    seen.append(stamp())
    with sessions.begin() as session:
        session.get(type(run), run.id).verdict = 2  # type: ignore[union-attr]
    seen.append(stamp())
    with sessions.begin() as session:
        add_run(session, "quotes", now)
    seen.append(stamp())
    assert len(set(seen)) == len(seen)
    assert stamp() == seen[-1]
