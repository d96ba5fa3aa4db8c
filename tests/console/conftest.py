"""A console on an SQLite file, and clients of its roles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from console.app import create_app
from console.config import ConsoleConfig
from console.security.accounts import add_user, begin_session
from console.security.identity import COOKIE, csrf_token
from models.console_account import ADMIN, OPERATOR, VIEWER
from models.run import database_now
from models.session import make_engine, make_sessions
from tests.databases import make_file_with_tables


class Client:
    """A browser of a person: it sends the cookie of the session, and with forms the CSRF token."""

    def __init__(self, client: FlaskClient, cookie: str | None) -> None:
        self.client, self.cookie = client, cookie
        if cookie is not None:
            client.set_cookie(COOKIE, cookie)

    @property
    def csrf(self) -> str:
        return csrf_token(self.cookie) if self.cookie else ""

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, **options)

    def post(self, path: str, data: Any = None, **options: Any) -> TestResponse:
        """Send a form with the CSRF token, as a page of the console does; JSON with the token in a header."""
        headers = {**options.pop("headers", {}), "X-CSRF-Token": self.csrf}
        return self.client.post(path, data=data, headers=headers, **options)

    def text(self, path: str) -> str:
        """Return the text of a page that must exist."""
        response = self.get(path)
        assert response.status_code == 200, (path, response.status, response.text[:500])
        return response.text

    def parts(self, path: str) -> dict[str, Any]:
        """Return the parts of a page that its event stream sends at first."""
        response = self.get(path)
        assert (response.status_code, response.content_type) == (200, "text/event-stream; charset=utf-8")
        try:
            for event in response.iter_encoded():
                if event.startswith(b"event: changed\n"):
                    parts: dict[str, Any] = json.loads(event.partition(b"\ndata: ")[2])
                    return parts
        finally:
            response.close()
        raise AssertionError(f"{path} has sent no parts")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Yield the engine of an SQLite file. A module that tests queries on all databases has a fixture of its own."""
    url = f"sqlite:///{tmp_path / 'test.db'}"
    make_file_with_tables(url)
    engine = make_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def app(engine: Engine, tmp_path: Path) -> APIFlask:
    return create_app(ConsoleConfig(pages_folder=tmp_path / "pages"), engine)


def client_of(app: APIFlask, engine: Engine, role: str) -> Client:
    """Return the browser of a new person with this role."""
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        user = add_user(session, f"a-{role}", role, now, password="not a hash")
        cookie = begin_session(session, user, "127.0.0.1", now)
    return Client(app.test_client(), cookie)


@pytest.fixture
def client(app: APIFlask) -> Client:
    """Return a browser in which nobody has logged in."""
    return Client(app.test_client(), None)


@pytest.fixture
def viewer(app: APIFlask, engine: Engine) -> Client:
    return client_of(app, engine, VIEWER)


@pytest.fixture
def operator(app: APIFlask, engine: Engine) -> Client:
    return client_of(app, engine, OPERATOR)


@pytest.fixture
def admin(app: APIFlask, engine: Engine) -> Client:
    return client_of(app, engine, ADMIN)
