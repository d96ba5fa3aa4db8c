"""The servers that the tests use, all of them real: the demo site, two renderers, three databases and four brokers.

``scripts/test`` starts the services and names them in TEST_SPLASH_URL, TEST_MARIADB_URL, TEST_RABBITMQ_URL and so on.
The tests of a missing service are skipped with a reason; in CI (``CI=true``) they fail.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import Engine, literal, select

from models import Base, Book, Order, Quote
from models.schema import base_revisions, upgrade
from models.session import make_engine
from tests.brokers import virtual_host, with_virtual_host_of
from tests.databases import make_file_with_tables
from tests.processes import ROOT, server
from tests.services import service

# No deadline: on a busy machine an example takes longer.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


def pytest_configure() -> None:
    """Create databases for this worker of pytest-xdist, so that workers share no rows."""
    # A shell ignores SIGINT for a job in the background, and the processes of the tests would inherit that.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    for variable in ("TEST_MARIADB_URL", "TEST_POSTGRESQL_URL"):
        url = os.environ.get(variable)
        if worker and url:
            os.environ[variable] = f"{url}_{worker}"
            subprocess.run(
                [sys.executable, "scripts/lib/database.py", "create", os.environ[variable]],
                cwd=ROOT,
                check=True,
            )


@pytest.fixture(scope="session")
def demo_site() -> Iterator[str]:
    """Yield the URL of the shop on day 1, at a free loopback port, without a trailing slash."""
    with server("demo", "--port", "0", "--exit-with-stdin") as url:
        yield url


@pytest.fixture(scope="session")
def chromium_renderer() -> Iterator[str]:
    """Yield the URL of our own renderer, at a free loopback port."""
    with server("renderer", "--port", "0", "--exit-with-stdin") as url:
        yield url


@pytest.fixture(scope="session")
def real_splash() -> str:
    return service("TEST_SPLASH_URL", "a real Splash 3.5")


@pytest.fixture(params=["splash", "chromium"])
def renderer(request: pytest.FixtureRequest) -> str:
    """Return the URL of each renderer in turn: both must do the same."""
    name = {"splash": "real_splash", "chromium": "chromium_renderer"}[request.param]
    url: str = request.getfixturevalue(name)
    return url


DATABASES = {
    "sqlite": None,
    "mariadb": ("TEST_MARIADB_URL", "MariaDB"),
    "postgresql": ("TEST_POSTGRESQL_URL", "PostgreSQL"),
}


@pytest.fixture(params=list(DATABASES))
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of each database in turn, with our tables, all of them empty."""
    named = DATABASES[request.param]
    url = service(*named) if named else f"sqlite:///{tmp_path / 'test.db'}"
    empty(url)
    return url


@pytest.fixture(params=["mariadb", "postgresql"])
def server_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of each database server in turn, with our tables, all of them empty."""
    url = service(*DATABASES[request.param])  # type: ignore[misc]
    empty(url)
    return url


@cache
def emptying_engine(url: str) -> Engine:
    """Return the engine of ``empty``, made once for each URL: to connect takes longer than the statements."""
    return make_engine(url)


def empty(url: str) -> None:
    """Migrate the database and delete all rows."""
    if make_file_with_tables(url):
        return
    engine = emptying_engine(url)
    assert {Book, Order, Quote}  # their tables have rows of other tests, too
    with engine.begin() as connection:
        is_migrated = base_revisions().are_all_applied(connection)
    if not is_migrated:
        upgrade(engine)
    tables = list(reversed(Base.metadata.sorted_tables))
    with engine.begin() as connection:
        found = connection.execute(
            select(*(select(literal(1)).select_from(table).exists() for table in tables))
        ).one()
        for table, has_rows in zip(tables, found, strict=True):
            if has_rows:
                connection.execute(table.delete())
    if engine.dialect.name == "sqlite":
        engine.dispose()  # the test may delete the file


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[str]:
    """Yield the URL of RabbitMQ, with a virtual host that only this process uses."""
    with virtual_host(service("TEST_RABBITMQ_URL", "RabbitMQ")) as url:
        yield url


@pytest.fixture(scope="session")
def stomp(rabbitmq: str) -> str:
    """Return the URL of RabbitMQ for STOMP, with the virtual host of ``rabbitmq``."""
    return with_virtual_host_of(rabbitmq, service("TEST_STOMP_URL", "STOMP of RabbitMQ"))


@pytest.fixture(scope="session")
def mqtt() -> str:
    return service("TEST_MQTT_URL", "Mosquitto")


@pytest.fixture(scope="session")
def kafka() -> str:
    """Return the URL of the Kafka server that stores its data: noida-db."""
    return service("TEST_KAFKA_URL", "Kafka (noida-db)")


@pytest.fixture(scope="session")
def tansu() -> str:
    """Return the URL of the Kafka server that excludes members of a group that are gone: Tansu."""
    return service("TEST_TANSU_URL", "Kafka (Tansu)")
