"""The blocks of docs/tables.md, run in a fresh project: tables of our own, and those of another program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from crawler.project_folder import make_project
from models.session import make_engine
from tests.crawls import ROOT, scrapy
from tests.pipelines.webshop import SCHEMA, structure, webshop

PAGE = (ROOT / "docs" / "tables.md").read_text("utf-8").splitlines()
PATHS = {
    "/films": """<article data-sku=F1><h3>Alien</h3><p class=price>9.99</p><p class=review>Good</p>
        <p class=review>Dark</p></article>
        <article data-sku=F2><h3>Brazil</h3><p class=price>12.50</p></article>""",
    "/prices": """<table><tr><th>sku</th><th>name</th><th>price</th><th>category</th></tr>
        <tr><td>A1</td><td>Anvil</td><td>12.00</td><td>toys</td></tr>
        <tr><td>B2</td><td>Bolt</td><td>1.50</td><td>books</td></tr>
        <tr><td>C3</td><td>Cog</td><td>2.00</td><td>no-such</td></tr></table>""",
}


def block(begins: str) -> str:
    """Return the code block of the page that begins with this line."""
    first = PAGE.index(f"    {begins}")
    last = next((n for n in range(first, len(PAGE)) if PAGE[n] and not PAGE[n].startswith("    ")), None)
    return textwrap.dedent("\n".join(PAGE[first:last]))


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Yield the URL of a site with the lists of films and of prices."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = PATHS.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f"<!DOCTYPE html><html><body>{body}</body></html>".encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Project:
    """A project of its own, in the checkout's environment."""

    def __init__(self, folder: Path, database: str, renderer: str) -> None:
        self.folder, self.database, self.renderer = folder / "shop", database, renderer
        make_project("shop", str(self.folder))

    def scrapy(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``scrapy`` in the project. The pages need no JavaScript, so they are not rendered."""
        env = {"DATABASE_URL": self.database, "SPLASH_URL": self.renderer, "RENDERING": "never"}
        return scrapy(*arguments, cwd=self.folder, **env)

    def done(self, *arguments: str) -> str:
        """Run ``scrapy`` in the project, check that it ends with 0, and return its output."""
        done = self.scrapy(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr[-3000:]}"
        return done.stdout

    def python(self, name: str, program: str) -> str:
        (self.folder / name).write_text(program, "utf-8")
        done = subprocess.run(
            [sys.executable, name],
            cwd=self.folder,
            env=os.environ | {"DATABASE_URL": self.database, "SPLASHDOWN_ENV_FILE": ""},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout


def test_a_model_with_children_and_a_program_that_reads_the_tables(
    tmp_path: Path, site: str, chromium_renderer: str
) -> None:
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'films.db'}", chromium_renderer)
    model = block("from sqlalchemy import ForeignKey").replace("https://shop.example", site)
    (project.folder / "sites" / "films.py").write_text(model, "utf-8")
    project.done("migrate", "--new")
    project.done("crawl", "films")
    printed = project.python("read.py", block("# read.py: run it in the project's folder"))
    assert printed.splitlines() == [
        "F1 Alien ['Good', 'Dark']",
        "F2 Brazil []",
        "F2 12.50",
        "F1 9.99",
        "(2, 12.5)",
    ]


@pytest.fixture
def shop_project(server_url: str, tmp_path: Path, chromium_renderer: str) -> Iterator[Project]:
    """Yield a project whose database has the web shop beside it."""
    engine = make_engine(server_url)
    with webshop(engine):
        yield Project(tmp_path, server_url, chromium_renderer)
    with engine.begin() as connection:
        for table in (f"{SCHEMA}_product_seen", "alembic_version_project"):
            with suppress(DBAPIError):
                connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
    engine.dispose()


def test_a_site_feeds_a_table_of_another_program(shop_project: Project, site: str) -> None:
    project, engine = shop_project, make_engine(shop_project.database)
    before = structure(engine)
    program = block("# shop.py").replace('schema="shop"', f'schema="{SCHEMA}"')
    assert project.python("shop.py", program).splitlines() == [
        "['Books', 'Games', 'Maps', 'Toys']",
        "['Oslo', 'Rome']",
    ]
    code = block("# sites/products.py").partition("scrapy migrate")[0]
    code = code.replace("shop.product", f"{SCHEMA}.product").replace("https://supplier.example", site)
    (project.folder / "sites" / "products.py").write_text(code, "utf-8")

    refused = project.scrapy("crawl", "products")
    assert refused.returncode == 1
    assert (
        f"lacks the table {SCHEMA}_product_seen of the model Product: run `scrapy migrate --new`"
        in refused.stderr
    )

    migrated = project.done("migrate", "--new", "products")
    assert f"create_table('{SCHEMA}_product_seen'" in migrated and "create_table('product'" not in migrated
    tried = project.done("try", "products")
    assert f"{SCHEMA}.product, 3 rows" in tried and "nothing was written to the tables" in tried
    rows = "SELECT sku, unit_price, status FROM SHOP.product ORDER BY id".replace("SHOP", SCHEMA)
    stored = [
        ("A1", Decimal("12.00"), "active"),
        ("OWN", Decimal("5.00"), "active"),
        ("B2", Decimal("1.50"), "active"),
    ]
    with engine.connect() as connection:
        assert [row[0] for row in connection.execute(text(rows))] == ["A1", "OWN"]

    crawled = project.scrapy("crawl", "products")
    assert crawled.returncode == 2, crawled.stderr[-3000:]  # one of three items has no category
    assert "category with slug 'no-such'" in project.done("rejected", "--json")
    changes = project.done("changes", f"{SCHEMA}.product")
    assert "changed" in changes and "created" in changes and "unit_price" not in changes
    with engine.connect() as connection:
        assert [tuple(row) for row in connection.execute(text(rows))] == stored
        audit = connection.scalar(text(f"SELECT COUNT(*) FROM {SCHEMA}.audit"))

    again = project.scrapy("crawl", "products")
    assert again.returncode == 2
    assert project.done("changes", f"{SCHEMA}.product") == changes
    with engine.connect() as connection:
        assert connection.scalar(text(f"SELECT COUNT(*) FROM {SCHEMA}.audit")) == audit
    assert structure(engine) == before

    mariadb = engine.dialect.name == "mysql"
    with engine.begin() as connection:
        if mariadb:
            connection.exec_driver_sql("SET SESSION sql_mode = ''")
        connection.exec_driver_sql(
            f"ALTER TABLE {SCHEMA}.product "
            + ("MODIFY name VARCHAR(50) NOT NULL" if mariadb else "ALTER name TYPE VARCHAR(50)")
        )
    warned = project.scrapy("crawl", "products")
    assert re.search(r"product has changed since run \d+: name was VARCHAR\(", warned.stderr)
    engine.dispose()
