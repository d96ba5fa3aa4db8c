"""Renderers: one thread asks them, and no page waits for one that does not answer."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import Engine

from console.renderer_watch import KEY, NoAnswer, RendererState, RendererWatch, ask, look_at, state_of_answers
from models.run import database_now
from models.session import make_sessions
from tests.console.conftest import Client
from tests.console.runs import add_run, add_samples

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
PING = {"status": "ok", "maxrss": 1000, "additions": ["render.page"]}
DEBUG = {"active": 3, "qsize": 2, "maxrss": 2000, "slots": 5, "rendered": 40, "product": "Chrome/150"}


class Answers(BaseHTTPRequestHandler):
    """Answers as the test says, by path; it stores the Authorization headers."""

    answers: dict[str, tuple[int, bytes]]
    seen: list[str | None]

    def do_GET(self) -> None:
        self.seen.append(self.headers.get("Authorization"))
        status, body = self.answers.get(self.path, (404, b""))
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def renderer() -> Iterator[tuple[str, type[Answers]]]:
    """Yield the address of a renderer that answers what the test sets."""
    handler = type("Handler", (Answers,), {"answers": {}, "seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", handler
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def silent() -> Iterator[str]:
    """Yield an address that takes connections and never answers."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        yield f"http://127.0.0.1:{one.getsockname()[1]}/"


def answers(ping: Any, debug: Any) -> dict[str, tuple[int, bytes]]:
    return {"/_ping": (200, json.dumps(ping).encode()), "/_debug": (200, json.dumps(debug).encode())}


def wait_for(is_so: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_our_renderer_says_slots_speed_and_memory() -> None:
    before = RendererState(address="x", is_up=True, asked_at=NOON, rendered=20)
    state = state_of_answers(before, PING, DEBUG, NOON + timedelta(seconds=10))
    assert (state.active, state.slots, state.queued, state.pages_per_second) == (3, 5, 2, 2.0)
    assert (state.memory, state.product, state.kind) == (2000 * 1024, "Chrome/150", "splashdown")


def test_a_renderer_that_was_started_again_has_no_speed_yet() -> None:
    before = RendererState(address="x", is_up=True, asked_at=NOON, rendered=50)
    assert state_of_answers(before, PING, DEBUG, NOON + timedelta(seconds=10)).pages_per_second is None


@pytest.mark.parametrize(
    "debug",
    [
        {},
        {"active": "many", "qsize": None, "maxrss": [], "slots": True, "rendered": -1, "product": {}},
        {"active": {}, "maxrss": 1e400, "qsize": float("nan")},
    ],
)
def test_a_strange_answer_is_no_fault_of_the_console(debug: dict[str, Any]) -> None:
    state = state_of_answers(RendererState(address="x"), {"status": "ok"}, debug, NOON)
    assert state.is_up
    assert (state.active, state.slots, state.memory, state.rendered) == (None, None, None, None)


def test_splash_says_its_active_requests_as_a_list() -> None:
    state = state_of_answers(
        RendererState(address="x"), {"status": "ok"}, {"active": [1, 2], "qsize": 0}, NOON
    )
    assert (state.active, state.kind, state.pages_per_second) == (2, "Splash", None)


@pytest.mark.parametrize(
    ("ping", "fault"),
    [
        ((401, b""), "HTTP 401"),
        ((302, b""), "HTTP 302"),  # no redirect is followed: the password would go there
        ((200, b"<html>"), "not a renderer"),
        ((200, b"[]"), "not a renderer"),
        ((200, b"{}"), "not a renderer"),
        ((200, b"[" * 100_000), "not a renderer"),
        ((200, b"x" * 300_000), "more than"),
    ],
)
def test_what_is_no_renderer_is_not_up(
    renderer: tuple[str, type[Answers]], ping: tuple[int, bytes], fault: str
) -> None:
    address, handler = renderer
    handler.answers = {"/_ping": ping}
    state = look_at(RendererState(address="x", up_at=NOON), address, "Basic abc")
    assert (state.is_up, state.up_at) == (False, NOON)
    assert fault in (state.fault or "")
    assert handler.seen == ["Basic abc"]


def test_a_closed_port_and_a_wrong_address_are_said() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{one.getsockname()[1]}/"
    for address in (closed, "http://127.0.0.1:99999/", "http://[/"):
        with pytest.raises(NoAnswer):
            ask(address, None, "/_ping")


def test_the_page_does_not_wait_for_a_renderer_that_is_silent(
    app: APIFlask, viewer: Client, renderer: tuple[str, type[Answers]], silent: str
) -> None:
    address, handler = renderer
    handler.answers = answers(PING, {**DEBUG, "product": "<b>Chrome</b>"})
    watch = RendererWatch(((address, "Basic c2VjcmV0OnB3"), (silent, None)))
    app.extensions[KEY] = watch
    text = viewer.text("/renderers/")
    assert "being asked" in text
    assert "SPLASH_URL is empty" not in text
    wait_for(lambda: all(state.is_up is not None for state in watch.states()))
    text = viewer.parts("/renderers/stream")["live"]
    assert "3 of 5" in text
    assert "no answer for 2 seconds" in text
    assert "<b>Chrome" not in text
    assert "c2VjcmV0OnB3" not in text
    rows = viewer.get("/api/v1/renderers").json["renderers"]
    assert [row["is_up"] for row in rows] == [True, False]
    assert "c2VjcmV0OnB3" not in str(rows)


def test_no_address_shows_its_password() -> None:
    watch = RendererWatch((("http://user:hunter2secret@127.0.0.1:1/?token=hunter3secret", None),))
    shown = watch._states[0].address
    assert "hunter" not in shown
    assert "127.0.0.1:1" in shown


def test_without_addresses_nobody_is_asked(viewer: Client, app: APIFlask, engine: Engine) -> None:
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        run = add_run(session, "<b>x</b>", now, verdict=None).id
        add_samples(session, run, now)
    text = viewer.text("/renderers/")
    assert "SPLASH_URL is empty" in text
    assert "5.0 MiB" in text
    assert "<b>x" not in text
    assert app.extensions[KEY]._thread is None
    (crawl,) = viewer.get("/api/v1/renderers").json["crawls"]
    assert (crawl["run"]["id"], crawl["memory"]) == (run, 5 * 2**20)
