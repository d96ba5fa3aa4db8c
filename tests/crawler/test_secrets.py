"""No output and no table of a crawl has a secret that the crawl was given, received or sent."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, make_url, select

from models import CrawlRequest, CrawlRun, Quote, RejectedItem
from models.session import make_engine
from models.table_contents import table_contents
from tests.crawls import scrapy

_NAMES = """argument fragment header header_cookie bearer cookie cb_kwargs meta userinfo proxy pwd missing rendered pin
    followed raised password auth session set_cookie database splash broker alarm credentials env_proxy url_argument"""
NAMES = _NAMES.split()
PLANTED = {name: f"pl4nted-{name}-0123456789" for name in NAMES}
PLANTED["jwt"] = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJl-_x"
PLANTED["basic"] = base64.b64encode(b"me:pl4nted-basic-0123456789").decode()


class Site(ThreadingHTTPServer):
    """A site that sets a cookie; also the proxy, the renderer and the server for alarms."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[str] = []
        self.told: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.path}\n{self.headers}")
        if "missing" in self.path:
            self._answer(500, b"no")
        elif "_ping" in self.path:
            self._answer(200, b'{"status": "ok"}')
        else:
            self._answer(200, b"<p>x</p>")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path.startswith("/render"):
            self.server.asked.append(f"{self.path}\n{self.headers}\n{body}")
            self._answer(200, b"<p>x</p>")
        else:
            self.server.told.append(body)
            self._answer(200, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Set-Cookie", f"id={PLANTED['set_cookie']}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_no_output_and_no_table_has_a_secret(database_url: str, site: Site, tmp_path: Path) -> None:
    url = make_url(database_url)
    given = url if url.drivername == "sqlite" else url.set(password=PLANTED["database"])
    host = site.url.partition("://")[2]
    env = {
        "DATABASE_URL": given.render_as_string(hide_password=False),
        "PLANTED": json.dumps(PLANTED),
        "SPLASH_URL": f"http://me:{PLANTED['splash']}@{host}",
        "BROKER_URL": f"amqp://me:{PLANTED['broker']}@127.0.0.1:1/",
        "ALERT_URLS": f"json://me:{PLANTED['alarm']}@{host}/alarm",
        "HTTPS_PROXY": f"http://me:{PLANTED['env_proxy']}@{host}",
        "KEPT_PAGES_FOLDER": str(tmp_path / "pages"),
        "METRICS_FOLDER": str(tmp_path / "metrics"),
        "LOG_FORMAT": "json" if url.drivername == "sqlite" else "text",
        "LOG_LEVEL": "DEBUG",
    }  # fmt: skip
    (tmp_path / "metrics").mkdir()
    arguments = {name: PLANTED[name] for name in ("password", "auth", "session", "credentials")}
    arguments["start_url"] = f"{site.url}/x?pass={PLANTED['url_argument']}"
    given_arguments = [f"-a{name}={value}" for name, value in arguments.items()]
    outputs = {
        command[0]: scrapy(*command, "-sSPIDER_MODULES=tests.crawler.planted_spider", **env)
        for command in (
            ["crawl", "planted", *given_arguments, f"-sSITE={site.url}"],
            ["runs", "--json"],
            ["rejected"],
        )
    }
    outputs["show"] = scrapy("runs", "show", str(run_of(database_url)), **env)
    log = outputs["crawl"].stderr
    # The crawl has sent the secrets.
    sent = "\n".join(site.asked)
    for name in ("argument", "header", "bearer", "cookie", "pwd", "followed", "rendered", "pin", "basic"):
        assert PLANTED[name] in sent, (name, log)
    engine = make_engine(database_url)
    assert set(table_contents(engine, Quote)) == {(1,), (2,)}, log
    assert "no login as me with ***" in log
    assert "/list?page=1&token=***&passenger=1" in log
    for name, done in outputs.items():
        assert not found_in(done.stdout + done.stderr), name
    assert "raises?pwd=***" in outputs["show"].stdout
    assert site.told and not any(found_in(one) for one in site.told)
    files = [file for file in tmp_path.rglob("*") if file.is_file() and ".db" not in file.name]
    assert {file.suffix for file in files} >= {".html", ".json", ".prom"}
    for file in files:
        assert not found_in(file.read_text("utf-8", "replace")), file
    # Only the column that a resume needs has secrets.
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            shown = [
                column for column in table.c if (table.name, column.name) != ("crawl_request", "request")
            ]
            for row in connection.execute(select(*shown)):
                assert not found_in(str(row._mapping)), table.name
        requests = connection.scalars(select(CrawlRequest.request)).all()
        assert any(PLANTED["argument"] in (text or "") for text in requests)
        assert connection.scalar(select(CrawlRun.arguments))["session"] == "***"
        assert connection.scalar(select(RejectedItem.url)) is not None
    engine.dispose()


def run_of(url: str) -> int:
    engine = make_engine(url)
    with engine.connect() as connection:
        run = connection.scalar(select(CrawlRun.id))
    engine.dispose()
    assert run is not None
    return run


def found_in(text: str) -> list[str]:
    return [f"{name}: {_around(text, secret)}" for name, secret in PLANTED.items() if secret in text]


def _around(text: str, secret: str) -> str:
    at = text.index(secret)
    return text[max(0, at - 150) : at + 150]
