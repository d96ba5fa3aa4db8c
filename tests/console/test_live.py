"""Event streams: the parts of a page are sent to its viewers when something has changed."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import Engine, create_engine, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound

from console.live import AWAY, CHANGED, ENDED, FAILED, MOST_VIEWERS, Live, TooManyViewers, Viewer
from console.security.accounts import USED_EVERY, add_user, begin_session
from console.security.identity import COOKIE, roles_of_viewers
from models.console_account import OPERATOR, VIEWER, ConsoleSession, ConsoleUser
from models.run import database_now
from models.session import make_sessions
from tests.console.conftest import Client

ANN = Viewer(cookie="ann", role="viewer", secret="token-of-ann")
BOB = Viewer(cookie="bob", role="viewer", secret="token-of-bob")
EVE = Viewer(cookie="eve", role="admin", secret="token-of-eve")


class Page:
    """A page. Its parts have its value, and the role and the token of the viewer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("console.live.EVERY", 0.01)
        monkeypatch.setattr("console.live.SILENCE", 10)
        self.value = "first"
        self.fault: Exception | None = None
        self.rendered: list[str] = []
        self.roles = {"ann": "viewer", "bob": "viewer", "eve": "admin"}
        self.live = Live(create_engine("sqlite://"), self._roles)

    def _roles(self, cookies: Collection[str]) -> Mapping[str, str]:
        return {cookie: self.roles[cookie] for cookie in cookies if cookie in self.roles}

    def open(self, viewer: Viewer, **options: bool) -> Iterator[str]:
        """Open the stream of a viewer."""

        def parts() -> Mapping[str, Any]:
            if self.fault is not None:
                raise self.fault
            self.rendered.append(viewer.role)
            return {"live": f"<p>{self.value}\n{viewer.role} {viewer.secret}</p>", "chart": {"at": [1.5]}}

        # A stream of its own each time, as a page that is opened has.
        return self.live.stream("run 1", lambda _: self.value, parts, replace(viewer), **options)

    def change(self, value: str) -> None:
        self.value = value
        self.rendered.clear()


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    page = Page(monkeypatch)
    yield page
    page.live.stop()
    page.live.engine.dispose()


def next_event(events: Iterator[str]) -> tuple[str, Any]:
    """Return the name and the data of the next event, which is one line of data."""
    text = next(event for event in events if not event.startswith("retry: "))
    assert not text.startswith(":"), "no event comes"
    name, data = text.removesuffix("\n\n").split("\n")
    assert data.startswith("data: ")
    return name.removeprefix("event: "), json.loads(data[6:]) if name == "event: changed" else data[6:]


def text_of(events: Iterator[str]) -> str:
    name, parts = next_event(events)
    assert name == CHANGED
    assert parts["chart"] == {"at": [1.5]}
    return str(parts["live"])


def test_viewers_of_a_role_share_parts_that_are_rendered_once_for_a_change(page: Page) -> None:
    streams = [page.open(viewer) for viewer in (ANN, BOB, EVE)]
    for events in streams:
        assert text_of(events).startswith("<p>first\n")
    page.change("second")
    ann, bob, eve = [text_of(events) for events in streams]
    assert ann == "<p>second\nviewer token-of-ann</p>"
    assert bob == "<p>second\nviewer token-of-bob</p>", "never the token of another person"
    assert eve == "<p>second\nadmin token-of-eve</p>", "never the buttons of another role"
    assert page.rendered == ["viewer", "admin"]


def test_who_opens_a_page_later_gets_its_parts_at_once_and_not_those_of_before(page: Page) -> None:
    events = page.open(ANN)
    text_of(events)
    page.change("second")
    text_of(events)
    page.rendered.clear()
    assert text_of(page.open(BOB)) == "<p>second\nviewer token-of-bob</p>"
    assert page.rendered == ["viewer"], "an order may have been given since the parts were shared"


def test_parts_that_depend_on_the_address_are_not_shared(page: Page) -> None:
    streams = [page.open(ANN, is_shared=False), page.open(BOB, is_shared=False)]
    for events in streams:
        text_of(events)
    page.change("second")
    for events in streams:
        text_of(events)
    assert page.rendered == ["viewer", "viewer"]


def test_a_slow_viewer_gets_the_newest_parts_only(page: Page) -> None:
    slow, fast = page.open(ANN), page.open(BOB)
    text_of(slow)
    text_of(fast)
    for number in range(5):
        page.change(f"value {number}")
        text_of(fast)
    assert text_of(slow).startswith("<p>value 4\n")
    page.change("last")
    assert text_of(slow).startswith("<p>last\n")


@pytest.mark.parametrize("role", [None, "operator"], ids=["the session is over", "the role has changed"])
def test_a_stream_ends_when_its_viewer_may_no_longer_see_the_page(page: Page, role: str | None) -> None:
    ann, bob = page.open(ANN), page.open(BOB)
    text_of(ann)
    text_of(bob)
    del page.roles["ann"]
    if role is not None:
        page.roles["ann"] = role
    page.change("second")
    assert next_event(ann) == (ENDED, "run 1")
    assert list(ann) == []
    assert text_of(bob).startswith("<p>second\n")
    assert page.rendered == ["viewer"]


@pytest.mark.parametrize(
    ("fault", "event"),
    [
        (OperationalError("SELECT", {}, Exception("gone away")), AWAY),
        (NotFound(), ENDED),
        (ZeroDivisionError(), FAILED),
    ],
    ids=["database away", "run deleted", "fault of the console"],
)
def test_an_event_says_why_there_are_no_parts(
    page: Page, fault: Exception, event: str, caplog: pytest.LogCaptureFixture
) -> None:
    events = page.open(ANN)
    text_of(events)
    with caplog.at_level(logging.WARNING):
        page.fault = fault
        page.change("second")
        assert next_event(events) == (event, "run 1")
    assert ("Traceback" in caplog.text) == (event == FAILED)
    page.fault = None
    page.change("third")
    while (found := next_event(events))[0] != CHANGED:
        assert found == (event, "run 1")
    assert found[1]["live"].startswith(("<p>second\n", "<p>third\n"))


def test_a_database_that_is_away_only_while_the_parts_are_rendered_comes_back(page: Page) -> None:
    """The look before it and the look after it see the same."""
    streams = [page.open(ANN), page.open(BOB)]
    for events in streams:
        text_of(events)
    page.fault = OperationalError("SELECT", {}, Exception("gone away"))
    page.change("second")
    for events in streams:
        assert next_event(events) == (AWAY, "run 1")
    page.fault = None
    for events in streams:
        while (found := next_event(events))[0] == AWAY:
            pass
        assert found[1]["live"].startswith("<p>second\n")


def test_a_topic_that_nobody_views_is_not_looked_at(page: Page) -> None:
    events = page.open(ANN)
    text_of(events)
    events.close()  # type: ignore[attr-defined]
    for thread in threading.enumerate():
        if thread.name == "live run 1":
            thread.join(10)
            assert not thread.is_alive()


def test_too_many_viewers_are_refused_at_once(page: Page) -> None:
    streams = [page.open(ANN) for _ in range(MOST_VIEWERS)]
    with pytest.raises(TooManyViewers):
        page.open(BOB)
    next(streams[0])
    streams[0].close()  # type: ignore[attr-defined]
    page.open(BOB)


def test_a_page_that_is_shown_is_a_use_of_its_session(app: APIFlask, engine: Engine) -> None:
    roles = roles_of_viewers(app, engine)
    idle, age = app.config["SESSION_IDLE"], app.config["SESSION_AGE"]
    names = ("new", "used", "idle", "old", "disabled")
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        users = {name: add_user(session, name, OPERATOR, now, password="no hash") for name in names}
        cookies = {name: begin_session(session, users[name], "127.0.0.1", now) for name in names}
        session.flush()

        def change(name: str, **values: Any) -> None:
            query = update(ConsoleSession).where(ConsoleSession.user_id == users[name].id)
            session.execute(query.values(values))

        change("used", used_at=now - 2 * USED_EVERY)
        change("idle", used_at=now - idle - timedelta(minutes=1))
        change("old", created_at=now - age - timedelta(minutes=1))
        session.execute(
            update(ConsoleUser).where(ConsoleUser.id == users["disabled"].id).values(disabled_at=now)
        )
    found = roles([*cookies.values(), "unknown"])
    assert found == {cookies["new"]: OPERATOR, cookies["used"]: OPERATOR}
    with Session(engine) as session:
        used = session.get_one(ConsoleUser, users["used"].id).id
        at = session.query(ConsoleSession.used_at).filter_by(user_id=used).scalar()
        assert at is not None
        assert at >= now - timedelta(seconds=1)


def test_a_stream_of_the_console_ends_with_the_session(
    app: APIFlask, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.live.EVERY", 0.01)
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        cookie = begin_session(session, add_user(session, "ann", VIEWER, now, password="-"), "::1", now)
    client = Client(app.test_client(), cookie)
    stamps = iter(range(10**6))
    monkeypatch.setattr("console.queries.today.stamp", lambda _session: str(next(stamps)))
    response = client.get("/today/stream")
    events = response.iter_encoded()
    assert next(event for event in events if event.startswith(b"event: changed"))
    with make_sessions(engine).begin() as session:
        session.query(ConsoleSession).delete()
    assert any(event.startswith(b"event: ended") for event in events)
    response.close()
    client.client.set_cookie(COOKIE, cookie)
    assert client.get("/today/stream").status_code == 302
