"""The lists of runs and of broken pages on MariaDB and PostgreSQL, whose queries are not those of SQLite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from models.session import make_engine
from tests.console.conftest import Client
from tests.console.test_pages import broken, folder, names

__all__ = ["broken", "folder"]


@pytest.fixture
def engine(server_url: str) -> Iterator[Engine]:
    engine = make_engine(server_url)
    yield engine
    engine.dispose()


def test_the_lists_and_the_filters_work_on_servers(viewer: Client, operator: Client, broken: None) -> None:
    assert names(viewer, "?missing=true") == ["7/13", "7/12", "7/11", "3/1"]
    after = viewer.get("/api/v1/pages?missing=true&limit=2").json["after"]
    assert names(viewer, f"?missing=true&after={after}") == ["7/11", "3/1"]
    assert names(viewer, "?spider=books&reason=rejected") == ["7/13"]
    assert [run["id"] for run in viewer.get("/api/v1/runs?since=2020-01-01&arguments=").json["rows"]] == [
        7,
        3,
    ]
    assert viewer.get("/api/v1/runs?arguments=a%3Db").json["rows"] == []
    assert viewer.parts("/runs/7/stream")["live"]
    for path in ("/runs/7", "/pages/7/12", "/pages/7/11", "/api/v1/runs/7"):
        assert viewer.get(path).status_code == 200, path
    assert operator.post("/api/v1/pages/7/12/orders", json={"kind": "replay"}).status_code == 201
    assert operator.post("/api/v1/pages/7/12/orders", json={"kind": "replay"}).status_code == 409
    assert viewer.get("/api/v1/runs?spider=%00").status_code == 400
