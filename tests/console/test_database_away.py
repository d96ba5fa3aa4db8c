"""The console while its database is away, and when it is back."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url

from console.live import Live, Viewer
from models.session import make_engine
from tests.console.conftest import Client
from tests.tcp_gateway import Gateway


@pytest.fixture
def gateway(server_url: str) -> Iterator[Gateway]:
    url = make_url(server_url)
    with Gateway(
        url.host or "127.0.0.1", url.port or {"mysql": 3306}.get(url.get_backend_name(), 5432)
    ) as gateway:
        yield gateway


@pytest.fixture
def engine(server_url: str, gateway: Gateway) -> Iterator[Engine]:
    engine = make_engine(
        make_url(server_url).set(host="127.0.0.1", port=gateway.port).render_as_string(False)
    )
    yield engine
    engine.dispose()


def test_pages_say_that_the_database_is_away_and_come_back(
    viewer: Client, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    assert viewer.get("/runs/").status_code == 200
    gateway.close()
    with caplog.at_level(logging.WARNING):
        page = viewer.get("/runs/")
    assert page.status_code == 503
    assert "The database does not answer. This page tries again by itself." in page.text
    assert page.headers["Retry-After"] == "5"
    assert '<meta http-equiv="refresh" content="5">' in page.text
    assert "the database does not answer" in caplog.text
    assert "Traceback" not in caplog.text
    answer = viewer.get("/api/v1/runs")
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert viewer.post("/runs/1/orders", {"kind": "stop"}).status_code == 503
    gateway.open()
    assert viewer.get("/runs/").status_code == 200


def test_a_stream_tells_its_viewers_that_the_database_is_away_and_back(
    engine: Engine, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("console.live.EVERY", 0.05)
    live = Live(engine, lambda cookies: dict.fromkeys(cookies, "viewer"))
    events = live.stream(
        "now",
        lambda session: str(session.connection().exec_driver_sql("SELECT 1").scalar()),
        dict,
        Viewer(cookie="ann", role="viewer", secret="token"),
    )

    def next_event() -> str:
        return next(event for event in events if event.startswith("event"))

    assert next_event().startswith("event: changed")
    gateway.close()
    assert next_event().startswith("event: away")
    gateway.open()
    assert next_event().startswith("event: changed")
    live.stop()
