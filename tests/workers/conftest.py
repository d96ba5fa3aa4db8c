"""Fixtures of the tests of workers: a database server, emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from models.session import make_engine, make_sessions


@pytest.fixture
def server(server_url: str) -> Iterator[Engine]:
    engine = make_engine(server_url, pool_size=10)
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(server: Engine) -> sessionmaker[Session]:
    return make_sessions(server)
