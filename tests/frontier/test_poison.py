"""Bad items among good ones, through a whole crawl: the good rows are in, each bad one is kept with its reason."""

from __future__ import annotations

import json
from collections import Counter

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Quote, RejectedItem
from models.session import make_engine
from tests.crawls import crawl, scrapy
from tests.frontier.poison_spider import FAULTS, ROWS_A_PAGE, PoisonSpider

REASONS = {
    "too long": ("author", "is 121 characters long, the column has at most 120"),
    "wrong type": ("quote_id", "has no number"),
    "NUL": ("body", "has a NUL character"),
    "surrogate": ("author", "lone surrogate"),
    "missing": ("author", "is missing"),
    "out of range": ("quote_id", "out of range for 32 bits"),
}
SPIDERS = ("-s", "SPIDER_MODULES=tests.frontier.poison_spider")


def test_all_good_rows_are_in_and_every_bad_one_is_kept_with_its_reason(
    database_url: str, demo_site: str
) -> None:
    crawl("poison", *SPIDERS, DATABASE_URL=database_url, DEMO_URL=demo_site)
    engine = make_engine(database_url)
    with Session(engine) as session:
        stored = {quote.quote_id: quote.body for quote in session.scalars(select(Quote))}
        rejected = session.scalars(select(RejectedItem)).all()
    engine.dispose()
    pages = PoisonSpider.pages
    assert sorted(stored) == list(range(pages * ROWS_A_PAGE))
    assert Counter(stored.values())["again on this page"] == pages
    assert len(rejected) == pages
    for number, one in enumerate(sorted(rejected, key=lambda one: int(str(one.url).rpartition("=")[2]))):
        field, reason = REASONS[list(FAULTS)[number % len(FAULTS)]]
        assert reason in one.reasons[field], one.reasons
        assert one.spider == "poison" and one.table_name == "quote"


def test_rejected_items_are_listed_and_stored_when_they_are_fit(database_url: str, demo_site: str) -> None:
    crawl("poison", *SPIDERS, "-a", "pages=6", DATABASE_URL=database_url, DEMO_URL=demo_site)
    shown = scrapy("rejected", DATABASE_URL=database_url)
    assert "has a NUL character" in shown.stdout and "6 items" in shown.stdout
    again = scrapy("rejected", "--replay", DATABASE_URL=database_url)
    assert "0 items are stored, 6 are still rejected" in again.stdout
    engine = make_engine(database_url)
    with Session(engine) as session, session.begin():
        for one in session.scalars(select(RejectedItem)):  # somebody mends what was wrong
            one.item = {"quote_id": 1000 + one.id, "body": "mended", "author": "B"}
    assert (
        "6 items are stored, 0 are still" in scrapy("rejected", "--replay", DATABASE_URL=database_url).stdout
    )
    with Session(engine) as session:
        assert len(session.scalars(select(Quote).where(Quote.body == "mended")).all()) == 6
    engine.dispose()
    lines = scrapy(
        "changes", "quote", "--json", "--limit", "6", DATABASE_URL=database_url
    ).stdout.splitlines()
    assert {json.loads(line)["kind"] for line in lines} == {"created"}
    assert scrapy("rejected", DATABASE_URL=database_url).stdout.strip() == "no item was rejected"
