"""Schedules: what is shown, and what operators change."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from console.scheduling import WrongValue, checked_expression, checked_hours
from models import ConsoleAction
from models.crawl_order import CrawlOrder
from models.run import database_now
from models.session import make_sessions
from models.spider_schedule import SpiderSchedule
from tests.console.conftest import Client
from tests.console.runs import add_run, add_schedule, add_scheduler

HOSTILE = "<img src=x onerror=alert(1)>/../%2e?#"


@pytest.fixture
def now(engine: Engine) -> datetime:
    """Store the spiders "books" and HOSTILE; return the time."""
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        add_schedule(
            session, "books", now, timezone="Europe/Berlin", declared="15 3 * * *", spider_arguments=["shelf"]
        )
        add_schedule(session, HOSTILE, now, declared=None, spider_arguments=["<b>"])
        add_run(session, "books", now, verdict=2)
    return now


def stored(engine: Engine, spider: str = "books") -> SpiderSchedule:
    with Session(engine) as session:
        return session.get_one(SpiderSchedule, spider)


def actions(engine: Engine) -> list[tuple[str, str | None]]:
    with Session(engine) as session:
        found = session.execute(select(ConsoleAction.action, ConsoleAction.target).order_by(ConsoleAction.id))
        return [(row.action, row.target) for row in found]


@pytest.mark.parametrize(
    ("text", "expression"),
    [("", None), ("  ", None), ("OFF", "off"), (" 15  3 * * * ", "15 3 * * *")],
)
def test_an_expression_is_read(text: str, expression: str | None) -> None:
    assert checked_expression(text) == expression


@pytest.mark.parametrize(
    "text", ["daily", "* * * *", "61 * * * *", "0 0 30 2 *", "0 0 * * 1#2", f"{'0,' * 60}0 * * * *"]
)
def test_a_wrong_expression_is_refused(text: str) -> None:
    with pytest.raises(WrongValue):
        checked_expression(text)


@pytest.mark.parametrize("hours", [-1, math.nan, math.inf, 1e300])
def test_a_wrong_number_of_hours_is_refused(hours: float) -> None:
    with pytest.raises(WrongValue):
        checked_hours(hours)


def test_the_list_shows_each_spider(viewer: Client, now: datetime, engine: Engine) -> None:
    text = viewer.text("/schedules/")
    assert "15 3 * * *" in text
    assert "Europe/Berlin" in text
    assert "below its policy" in text
    assert "No scheduler is running" in text
    assert "<img src=x" not in text
    assert "Pause" not in text  # of a viewer
    assert "books" in viewer.text("/schedules/?spider=OOK")
    assert "No spider is called so" in viewer.text("/schedules/?spider=_")
    with make_sessions(engine).begin() as session:
        add_scheduler(session, now)
    assert "No scheduler is running" not in viewer.text("/schedules/")


def test_an_empty_list_says_what_to_type(viewer: Client) -> None:
    assert "scrapy schedule --run" in viewer.text("/schedules/")


def test_only_the_kinds_of_alert_addresses_are_shown(app: APIFlask, viewer: Client) -> None:
    assert "ALERT_URLS" in viewer.text("/schedules/")
    app.config["ALERT_KINDS"] = ("mailto", "slack", "mailto")
    text = viewer.text("/schedules/")
    assert text.count("mailto") == 1
    assert viewer.get("/api/v1/schedules").json["alert_kinds"] == ["mailto", "slack"]


def test_an_operator_edits_an_expression(operator: Client, now: datetime, engine: Engine) -> None:
    form = {"spider": "books", "expression": "0  5 * * 1"}
    assert operator.post("/schedules/expression", form).location == "/schedules/spider?name=books"
    row = stored(engine)
    assert (row.chosen, row.declared, row.changed_by) == ("0 5 * * 1", "15 3 * * *", "a-operator")
    assert row.changed_at is not None
    assert "in place of 15 3 * * *" in operator.text("/schedules/spider?name=books")
    operator.post("/schedules/expression", {"spider": "books", "expression": ""})
    assert stored(engine).chosen is None
    operator.post("/schedules/expression", {"spider": "books", "expression": "often"})
    assert "the schedule cannot be read" in operator.text("/schedules/spider?name=books")
    assert actions(engine) == [
        ("edit schedule", "books: 15 3 * * * to 0 5 * * 1"),
        ("edit schedule", "books: 0 5 * * 1 to 15 3 * * *"),
    ]


def test_an_operator_pauses_and_mutes(operator: Client, now: datetime, engine: Engine) -> None:
    operator.post("/schedules/pause", {"spider": "books", "paused": "1"})
    paused = stored(engine)
    assert paused.paused_at is not None
    assert "paused since" in operator.text("/schedules/")
    operator.post("/schedules/pause", {"spider": "books", "paused": "0"})
    assert stored(engine).paused_at is None
    changed_at = stored(engine).changed_at
    operator.post("/schedules/mute", {"spider": "books", "hours": "2.5"})
    muted = stored(engine)
    assert muted.muted_until is not None
    assert timedelta(hours=2) < muted.muted_until - now < timedelta(hours=3)
    assert muted.changed_at == changed_at  # a late spider stays late while its alarms are muted
    operator.post("/schedules/mute", {"spider": "books", "hours": "0"})
    assert stored(engine).muted_until is None
    assert [action for action, _ in actions(engine)] == [
        "pause schedule",
        "resume schedule",
        "mute alarms",
        "unmute alarms",
    ]


def test_an_operator_starts_a_spider_with_arguments(operator: Client, now: datetime, engine: Engine) -> None:
    text = operator.text("/schedules/spider?name=books")
    assert 'value="shelf"' in text
    form = {"spider": "books", "name": ["shelf", "page"], "value": ["<b>", ""]}
    assert operator.post("/schedules/start", form).location == "/orders/"
    with Session(engine) as session:
        order = session.scalars(select(CrawlOrder)).one()
    assert (order.kind, order.spider) == ("start", "books")
    assert order.arguments == {"arguments": {"shelf": "<b>"}, "failed_only": False, "fresh": False}


def test_a_spider_of_any_name_has_a_page(operator: Client, now: datetime, engine: Engine) -> None:
    link = operator.text("/schedules/").partition('href="/schedules/spider?name=%3Cimg')[2].partition('"')[0]
    text = operator.text(f"/schedules/spider?name=%3Cimg{link}")
    assert "<img src=x" not in text
    assert "<b>" not in text
    operator.post("/schedules/pause", {"spider": HOSTILE, "paused": "1"})
    assert stored(engine, HOSTILE).paused_at is not None


def test_wrong_input_is_refused(operator: Client, viewer: Client, now: datetime) -> None:
    assert operator.get("/schedules/spider?name=none").status_code == 404
    assert operator.get("/schedules/spider").status_code == 404
    assert operator.get("/schedules/spider?name=%00").status_code == 400
    assert operator.get("/schedules/?after=x").status_code == 400
    assert operator.post("/schedules/pause", {"spider": "none", "paused": "1"}).status_code == 404
    assert operator.post("/schedules/mute", {"spider": "books", "hours": "long"}).status_code == 400
    for path in ("start", "expression", "pause", "mute"):
        assert viewer.post(f"/schedules/{path}", {"spider": "books"}).status_code == 403


def test_the_api_changes_a_schedule_at_once_or_not_at_all(
    operator: Client, viewer: Client, now: datetime, engine: Engine
) -> None:
    def patch(client: Client, body: Any, spider: str = "books") -> Any:
        return client.client.patch(
            f"/api/v1/schedules/{spider}", json=body, headers={"X-CSRF-Token": client.csrf}
        )

    answer = patch(operator, {"chosen": "0 5 * * *", "paused": True, "muted_hours": 1})
    assert answer.status_code == 200
    assert (answer.json["chosen"], answer.json["next_at"]) == ("0 5 * * *", None)
    assert answer.json["paused_at"]
    assert patch(operator, {"paused": False, "chosen": "x"}).status_code == 400
    assert stored(engine).paused_at is not None
    assert patch(operator, {"chosen": None}).json["expression"] == "15 3 * * *"
    assert patch(operator, {}).status_code == 400
    assert patch(operator, {"muted_hours": 1e9}).status_code == 400
    assert patch(operator, {"paused": True}, "none").status_code == 404
    assert patch(viewer, {"paused": True}).status_code == 403
    started = operator.post("/api/v1/schedules/books/runs", json={"arguments": {"shelf": "art"}})
    assert (started.status_code, started.json["kind"]) == (201, "start")
    assert operator.post("/api/v1/schedules/none/runs", json={}).status_code == 404


def test_a_spider_that_the_scheduler_lost_is_marked(viewer: Client, now: datetime, engine: Engine) -> None:
    with make_sessions(engine).begin() as session:
        add_schedule(session, "removed", now - timedelta(days=3))
    rows = {row["spider"]: row["is_gone"] for row in viewer.get("/api/v1/schedules").json["rows"]}
    assert rows == {"books": False, HOSTILE: False, "removed": True}
    assert "not found since" in viewer.text("/schedules/")


RECIPIENTS = ["mailtos://***@example.org", "slack://***", "slack://*** (2)"]


@pytest.fixture
def heard(engine: Engine, now: datetime) -> None:
    """Let the scheduler of books know recipients."""
    with make_sessions(engine).begin() as session:
        session.get_one(SpiderSchedule, "books").recipients = RECIPIENTS


def test_an_operator_chooses_who_hears_the_alarms(operator: Client, heard: None, engine: Engine) -> None:
    page = operator.text("/schedules/spider?name=books")
    assert page.count('name="heard_by"') == page.count(" checked>") == 3
    form = {"spider": "books", "heard_by": [RECIPIENTS[2], RECIPIENTS[0]]}
    assert operator.post("/schedules/recipients", form).location == "/schedules/spider?name=books"
    assert stored(engine).heard_by == [RECIPIENTS[0], RECIPIENTS[2]]
    assert stored(engine).changed_at is None  # a late spider stays late
    page = operator.text("/schedules/spider?name=books")
    assert page.count('name="heard_by"') == 3
    assert page.count(" checked>") == 2
    assert "heard by 2 of 3" in operator.text("/schedules/")
    operator.post("/schedules/recipients", {"spider": "books", "heard_by": RECIPIENTS})
    assert stored(engine).heard_by is None, "all: those that are added later hear them, too"
    assert "heard by" not in operator.text("/schedules/")
    assert actions(engine) == [
        ("choose recipients", "books: mailtos://***@example.org, slack://*** (2)"),
        ("choose recipients", "books: all"),
    ]


def test_a_choice_of_nobody_or_of_strangers_is_refused(
    operator: Client, viewer: Client, heard: None, engine: Engine
) -> None:
    operator.post("/schedules/recipients", {"spider": "books"})
    assert "choose who hears the alarms; to stop them for a time, mute them" in operator.text(
        "/schedules/spider?name=books"
    )
    operator.post("/schedules/recipients", {"spider": "books", "heard_by": ["slack://***", "<i>x"]})
    page = operator.text("/schedules/spider?name=books")
    assert "ALERT_URLS of the scheduler has no recipient" in page
    assert "<i>" not in page
    assert viewer.post("/schedules/recipients", {"spider": "books"}).status_code == 403
    assert 'name="heard_by"' not in viewer.text("/schedules/spider?name=books")
    assert "slack://***" in viewer.text("/schedules/spider?name=books")
    assert stored(engine).heard_by is None
    assert actions(engine) == []


def test_a_chosen_recipient_that_the_settings_name_no_more_is_said(
    operator: Client, heard: None, engine: Engine
) -> None:
    with make_sessions(engine).begin() as session:
        session.get_one(SpiderSchedule, "books").heard_by = ["slack://***", "tgram://***"]
    assert "ignored: tgram://***" in operator.text("/schedules/spider?name=books")
    assert operator.get("/api/v1/schedules/books").json["heard_by"] == ["slack://***"]
    with make_sessions(engine).begin() as session:
        session.get_one(SpiderSchedule, "books").recipients = ["mailtos://***@example.org"]
    answer = operator.get("/api/v1/schedules/books").json
    assert answer["heard_by"] == ["mailtos://***@example.org"], (
        "nobody of the choice is left, so all hear them"
    )


def test_a_page_says_why_there_is_no_recipient(viewer: Client, now: datetime, engine: Engine) -> None:
    assert "start the scheduler again" in viewer.text("/schedules/spider?name=books")
    with make_sessions(engine).begin() as session:
        session.get_one(SpiderSchedule, "books").recipients = []
    assert "ALERT_URLS of the scheduler is empty" in viewer.text("/schedules/spider?name=books")


def test_the_api_chooses_who_hears_the_alarms(
    operator: Client, viewer: Client, heard: None, engine: Engine
) -> None:
    def patch(client: Client, heard_by: Any) -> Any:
        headers = {"X-CSRF-Token": client.csrf}
        return client.client.patch("/api/v1/schedules/books", json={"heard_by": heard_by}, headers=headers)

    answer = patch(operator, ["slack://***"])
    assert answer.status_code == 200
    assert (answer.json["heard_by"], answer.json["recipients"]) == (["slack://***"], RECIPIENTS)
    for wrong in ([], ["x"], "slack://***", [1], [None]):
        assert patch(operator, wrong).status_code == 400, wrong
    assert patch(viewer, ["slack://***"]).status_code == 403
    assert stored(engine).heard_by == ["slack://***"]
    assert patch(operator, None).json["heard_by"] == RECIPIENTS
    assert stored(engine).heard_by is None
