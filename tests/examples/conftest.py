"""A database with an outbox, and a place in RabbitMQ that only one test uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from models.session import make_engine
from tests.brokers import virtual_host
from tests.databases import make_file_with_tables
from tests.services import service


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Yield an SQLite file with our tables: the programs do not see the database of the crawl."""
    url = f"sqlite:///{tmp_path / 'crawl.db'}"
    make_file_with_tables(url)
    engine = make_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def rabbitmq() -> Iterator[str]:
    """Yield the URL of RabbitMQ with a virtual host of the test: the names of the programs' queues are fixed."""
    with virtual_host(service("TEST_RABBITMQ_URL", "RabbitMQ")) as url:
        yield url
