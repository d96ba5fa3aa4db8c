"""``scrapy replay``: a site changes its layout, the spider is fixed, and the rows are stored without the site."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crawler.commands.demo import untrue
from models import Book, CrawlRequest, CrawlRun, RejectedItem, Review, RowChange
from models.session import make_engine
from models.table_contents import table_contents
from tests.crawler.project_copy import ProjectCopy
from tests.processes import server

BOOKS = 30
OLD_PRICE = "string(.//*[@class='price'])"
NEW_PRICE = "string(.//*[@class='price'] | .//data[@class='offer']/@value)"


def table(url: str, query: Any) -> list[Any]:
    engine = make_engine(url)
    with Session(engine) as session:
        rows = [tuple(row) for row in session.execute(query)]
    engine.dispose()
    return rows


@pytest.mark.parametrize(
    ("renderer", "database_url"), [("chromium", "sqlite"), ("splash", "mariadb")], indirect=True
)
def test_replay_stores_the_rows_after_a_layout_change_without_the_site(
    tmp_path: Path, renderer: str, database_url: str
) -> None:
    house = ProjectCopy(tmp_path)
    env = {"DATABASE_URL": database_url, "KEPT_PAGES": "25"}
    with server("demo", "--port", "0", "--books", str(BOOKS), "--layout", "new", "--exit-with-stdin") as site:
        crawled = house.scrapy("crawl", "books", SPLASH_URL=renderer, DEMO_URL=site, **env)
        with urllib.request.urlopen(f"{site}/truth.json", timeout=10) as answer:
            truth = json.load(answer)
    # From here on there is no site, and replay has no renderer.
    assert "snapshots of 25 faulty pages are in" in crawled.stderr, crawled.stderr[-3000:]
    pages = house.folder / "data" / "pages"
    ((run_id,),) = table(database_url, select(CrawlRun.id))
    with_snapshot = {file.stem for file in (pages / str(run_id)).glob("*.html")}
    assert len(with_snapshot) == 25
    assert {file.stem for file in (pages / str(run_id)).glob("*.png")} == with_snapshot
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in (pages / str(run_id)).glob("*.png"))
    named = table(database_url, select(RejectedItem.kept_page, RejectedItem.request_number))
    assert len(named) == BOOKS and all(name == f"{run_id}/{number}" for name, number in named)

    before_fix = house.scrapy("replay", "books", **env)
    assert before_fix.returncode == 2
    assert "price is missing" in before_fix.stdout and "0 rows are stored, 30 pages are" in before_fix.stdout

    too_early = house.scrapy("replay", "books", "--save-test", **env)
    assert too_early.returncode == 2 and "fill in the values that are null" in too_early.stdout
    (rows,) = (house.folder / "tests/pages/books").glob(f"{run_id}-*/rows.json")
    assert [row["price"] for row in json.loads(rows.read_text("utf-8"))["rows"]] == [None]

    house.edit("spiders/books.py", OLD_PRICE, NEW_PRICE)
    saved = house.scrapy("replay", "books", "--save-test", **env)
    assert saved.returncode == 0, saved.stdout + saved.stderr
    (case,) = [file.parent for file in (house.folder / "tests/pages/books").glob(f"{run_id}-*/rows.json")]
    replayed = house.scrapy("replay", "books", "--reason", "rejected", **env)
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert "25 rows are stored, 0 pages are still bad" in replayed.stdout

    engine = make_engine(database_url)
    for name, model in {"books": Book, "reviews": Review}.items():
        seen = table_contents(
            engine, model, run_id=run_id
        )  # the rows belong to the run that fetched the pages
        skus = {sku for (sku, *_) in table_contents(engine, Book)}
        assert not untrue(seen, [row for row in truth[name] if row["sku"] in skus], model)
    engine.dispose()
    created = table(database_url, select(RowChange.kind).where(RowChange.table_name == "book"))
    assert created == [("created",)] * 25
    left = table(database_url, select(RejectedItem.kept_page).where(RejectedItem.replayed_at.is_(None)))
    assert len(left) == 5 and not {name.partition("/")[2] for (name,) in left} & with_snapshot

    rest = house.scrapy("replay", "books", **env)
    assert rest.returncode == 2 and "the snapshot is not there any more" in rest.stdout

    test = ("tests/pages", "-k", f"books/{case.name}")
    green = house.test(*test)
    assert green.returncode == 0 and "1 passed" in green.stdout, green.stdout
    house.edit("spiders/books.py", NEW_PRICE, OLD_PRICE)
    red = house.test(*test)
    assert red.returncode == 1 and "price is missing" in red.stdout, red.stdout
    assert table(database_url, select(CrawlRequest.state).distinct()) == [("done",)]
