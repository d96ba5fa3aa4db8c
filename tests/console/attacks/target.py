"""The console under attack: a process with hostile data, an account of each role, and the HTTP of an attacker."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from console.security.identity import COOKIE, csrf_token
from models.console_account import (
    ADMIN,
    OPERATOR,
    VIEWER,
    ConsoleLink,
    ConsoleToken,
    ConsoleUser,
    LoginFailure,
)
from models.crawl_order import CrawlOrder
from models.run import database_now
from models.schema import upgrade
from models.spider_schedule import SpiderSchedule
from tests.console import site_tables
from tests.console.attacks import hostile_data
from tests.console.live_console import PASSWORD, LiveConsole
from tests.databases import make_file_with_tables

NAMES = {ADMIN: "ann", OPERATOR: "olga", VIEWER: "vic"}
TIMEOUT = 60.0  # seconds; a console that does not answer has not held


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the console has answered; status 0: it has closed the connection."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class Visitor:
    """Someone with a connection to the console, and the cookie of a session or none."""

    def __init__(self, port: int, cookie: str | None = None) -> None:
        self.port, self.cookie = port, cookie
        self._connection: http.client.HTTPConnection | None = None

    @property
    def csrf(self) -> str:
        return csrf_token(self.cookie) if self.cookie else ""

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request as it is: the path is not normalised."""
        sent = {"Cookie": f"{COOKIE}={self.cookie}"} if self.cookie else {}
        sent |= headers or {}
        for _ in range(2):  # the server may have closed a connection that was not used
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
            try:
                self._connection.putrequest(method, path, skip_host="Host" in sent, skip_accept_encoding=True)
                for name, value in sent.items():
                    self._connection.putheader(name, value)
                if body is not None and "Content-Length" not in sent:
                    self._connection.putheader("Content-Length", str(len(body)))
                self._connection.endheaders(body)
                response = self._connection.getresponse()
                content = response.read()
                return Answer(
                    status=response.status,
                    headers={name.lower(): value for name, value in response.getheaders()},
                    body=content,
                    cookies=tuple(response.headers.get_all("Set-Cookie") or ()),
                )
            except (http.client.HTTPException, OSError):
                self._connection.close()
                self._connection = None
        return Answer(status=0, headers={}, body=b"")

    def get(self, path: str, headers: Mapping[str, str] | None = None, **arguments: Any) -> Answer:
        query = f"?{urlencode(arguments, doseq=True, errors='surrogatepass')}" if arguments else ""
        return self.request("GET", path + query, headers=headers)

    def post(
        self, path: str, form: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a form with the CSRF token of the session."""
        body = urlencode(form or {}, doseq=True, errors="surrogatepass").encode()
        sent = {"Content-Type": "application/x-www-form-urlencoded", "X-CSRF-Token": self.csrf}
        return self.request("POST", path, body, sent | dict(headers or {}))

    def send_json(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> Answer:
        sent = {"Content-Type": "application/json", "X-CSRF-Token": self.csrf}
        return self.request(method, path, body, sent | dict(headers or {}))


class Target:
    """A console that runs."""

    def __init__(
        self,
        folder: Path,
        stack: contextlib.ExitStack,
        database: str | None = None,
        *,
        thorough: bool = True,
    ) -> None:
        self.thorough = thorough
        self.seen: dict[str, str] = {}  # the addresses of screens, and what is wrong there
        live = LiveConsole(folder, stack, database)
        self.engine, self.url = live.engine, live.url
        self.port = urlsplit(live.url).port or 80
        stack.callback(self.engine.dispose)
        if not make_file_with_tables(live.env["DATABASE_URL"]):
            upgrade(self.engine)
        self.run_id = hostile_data.fill(self.engine, folder / "pages")
        self.order_id = hostile_data.OPEN_ORDER
        live.start_console()
        self.anybody = Visitor(self.port)
        token = live.link.rpartition("/")[2]
        self.first_link = f"/link/{token}"
        cookie = self.use_link(self.first_link, NAMES[ADMIN])
        self.admin = Visitor(self.port, cookie)
        for role in (OPERATOR, VIEWER):
            self.use_link(self.invite(NAMES[role], role))
        self.operator, self.viewer = self.logged_in(OPERATOR), self.logged_in(VIEWER)

    def invite(self, name: str, role: str) -> str:
        """Return the path of the link with which a new person chooses a password."""
        answer = self.admin.post("/people/", {"name": name, "role": role})
        found = re.search(r"/link/[\w-]+", answer.text)
        assert found, answer
        return found[0]

    def use_link(self, path: str, name: str = "") -> str:
        """Choose a password with a link; return the cookie."""
        answer = self.anybody.post(path, {"name": name, "password": PASSWORD, "again": PASSWORD})
        assert answer.status == 302, answer
        return cookie_of(answer)

    def log_in(
        self, name: str, password: str = PASSWORD, headers: Mapping[str, str] | None = None, **form: str
    ) -> Answer:
        return self.anybody.post("/login", {"name": name, "password": password, **form}, headers)

    def logged_in(self, role: str) -> Visitor:
        """Return a person of this role with a new session."""
        return Visitor(self.port, cookie_of(self.log_in(NAMES[role])))

    def forget_failures(self) -> None:
        """Let nobody wait for a login, so that the next attack begins without failures."""
        with Session(self.engine) as session, session.begin():
            session.execute(delete(LoginFailure))

    def let_failures_last(self) -> None:
        """Let those that have failed too often wait for minutes: no attempt comes after the end of its wait."""
        with Session(self.engine) as session, session.begin():
            values = {"failures": LoginFailure.failures + 60, "last_at": database_now(session)}
            session.execute(update(LoginFailure).values(values))

    def state(self) -> list[Any]:
        """Return what attacks try to change: orders, accounts, tokens, links and schedules."""
        queries = (
            select(CrawlOrder.id, CrawlOrder.kind, CrawlOrder.state).order_by(CrawlOrder.id),
            select(
                ConsoleUser.name, ConsoleUser.role, ConsoleUser.password, ConsoleUser.disabled_at
            ).order_by(ConsoleUser.name),
            select(ConsoleToken.id, ConsoleToken.role).order_by(ConsoleToken.id),
            select(ConsoleLink.role, ConsoleLink.expires_at).order_by(ConsoleLink.expires_at),
            select(SpiderSchedule.spider, SpiderSchedule.chosen, SpiderSchedule.paused_at).order_by(
                SpiderSchedule.spider
            ),
        )
        with Session(self.engine) as session:
            return [tuple(row) for query in queries for row in session.execute(query)]

    def rows(self) -> int:
        """Return how many rows the tables of sites have."""
        with Session(self.engine) as session:
            tables = (site_tables.tables()[name] for name in ("odd", "wide", "measure", "product"))
            return sum(session.scalar(select(func.count()).select_from(one)) or 0 for one in tables)

    def raw(self, request: bytes) -> Answer:
        """Send these bytes on a connection of their own; return the first answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT) as one:
            try:
                one.sendall(request)
                one.shutdown(socket.SHUT_WR)
                got = b""
                while part := one.recv(65536):
                    got += part
            except OSError:
                got = b""
        head, _, body = got.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = re.match(r"HTTP/1\.[01] (\d{3})", lines[0])
        pairs = (line.partition(":") for line in lines[1:])
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        return Answer(status=int(status[1]) if status else 0, headers=headers, body=body)


def cookie_of(answer: Answer) -> str:
    """Return the cookie of the session that an answer sets."""
    for one in answer.cookies:
        if one.startswith(f"{COOKIE}="):
            return one.partition("=")[2].partition(";")[0]
    raise AssertionError(f"no session: {answer}")
