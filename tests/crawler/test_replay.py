"""``scrapy replay``: a site changes its layout, the spider is mended, and the rows come without the site."""

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
from models.snapshot import snapshot
from tests.crawler.house import House
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
def test_a_layout_change_is_mended_without_the_site_and_stays_mended(
    tmp_path: Path, renderer: str, database_url: str
) -> None:
    house = House(tmp_path)
    env = {"DATABASE_URL": database_url, "KEPT_PAGES": "25"}
    with server("demo", "--port", "0", "--books", str(BOOKS), "--layout", "new", "--exit-with-stdin") as site:
        crawled = house.scrapy("crawl", "books", SPLASH_URL=renderer, DEMO_URL=site, **env)
        with urllib.request.urlopen(f"{site}/truth.json", timeout=10) as answer:
            truth = json.load(answer)
    # From here on there is no site, and replay is told of no renderer.
    assert "25 pages that could not be read are kept" in crawled.stderr, crawled.stderr[-3000:]
    pages = house.folder / "data" / "pages"
    ((run_id,),) = table(database_url, select(CrawlRun.id))
    kept = {file.stem for file in (pages / str(run_id)).glob("*.html")}
    assert len(kept) == 25
    assert {file.stem for file in (pages / str(run_id)).glob("*.png")} == kept
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in (pages / str(run_id)).glob("*.png"))
    named = table(database_url, select(RejectedItem.kept_page, RejectedItem.request_number))
    assert len(named) == BOOKS and all(name == f"{run_id}/{number}" for name, number in named)

    unmended = house.scrapy("replay", "books", **env)
    assert unmended.returncode == 2
    assert "price is missing" in unmended.stdout and "0 rows are stored, 30 pages are" in unmended.stdout

    too_early = house.scrapy("replay", "books", "--save-test", **env)
    assert too_early.returncode == 2 and "yours to fill in" in too_early.stdout
    (rows,) = (house.folder / "tests/pages/books").glob(f"{run_id}-*/rows.json")
    assert [row["price"] for row in json.loads(rows.read_text("utf-8"))["rows"]] == [None]

    house.edit("spiders/books.py", OLD_PRICE, NEW_PRICE)
    saved = house.scrapy("replay", "books", "--save-test", **env)
    assert saved.returncode == 0, saved.stdout + saved.stderr
    (case,) = [file.parent for file in (house.folder / "tests/pages/books").glob(f"{run_id}-*/rows.json")]
    mended = house.scrapy("replay", "books", "--reason", "rejected", **env)
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert "25 rows are stored, 0 pages are still bad" in mended.stdout

    engine = make_engine(database_url)
    for name, model in {"books": Book, "reviews": Review}.items():
        seen = snapshot(engine, model, run_id=run_id)  # they are rows of the run that fetched the pages
        skus = {sku for (sku, *_) in snapshot(engine, Book)}
        assert not untrue(seen, [row for row in truth[name] if row["sku"] in skus], model)
    engine.dispose()
    created = table(database_url, select(RowChange.kind).where(RowChange.table_name == "book"))
    assert created == [("created",)] * 25
    left = table(database_url, select(RejectedItem.kept_page).where(RejectedItem.replayed_at.is_(None)))
    assert len(left) == 5 and not {name.partition("/")[2] for (name,) in left} & kept

    rest = house.scrapy("replay", "books", **env)
    assert rest.returncode == 2 and "the page is not kept any more" in rest.stdout

    test = ("tests/pages", "-k", f"books/{case.name}")
    green = house.test(*test)
    assert green.returncode == 0 and "1 passed" in green.stdout, green.stdout
    house.edit("spiders/books.py", NEW_PRICE, OLD_PRICE)
    red = house.test(*test)
    assert red.returncode == 1 and "price is missing" in red.stdout, red.stdout
    assert table(database_url, select(CrawlRequest.state).distinct()) == [("done",)]
