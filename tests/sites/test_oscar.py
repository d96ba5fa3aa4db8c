"""django-oscar, a shop that renders on its server: rows are right, also when scripts make its pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models import Base
from models.schema import upgrade
from models.session import make_engine
from models.table_contents import table_contents
from tests.crawls import crawl
from tests.processes import ROOT
from tests.sites.oscar.shop import Product
from tests.sites.oscar.site import oscar_shop, switch_to_scripts, truth

Base.metadata.remove(Product.table())  # the test creates this table, not a migration
PRODUCTS = 24


def test_plain_http_answers_a_shop_until_scripts_make_its_pages(
    chromium_renderer: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    engine = make_engine(url)
    upgrade(engine)
    Product.table().create(engine)

    def crawled(site: str) -> str:
        options = (
            "-s",
            "SPIDER_MODULES=tests.sites.oscar.shop",
            "-s",
            "ROBOTSTXT_OBEY=0",
            "-s",
            "RENDERING=auto",
        )
        env = {"DATABASE_URL": url, "SPLASH_URL": chromium_renderer, "PYTHONPATH": str(ROOT)}
        log = crawl("oscar", "-a", f"site={site}", *options, **env).stderr
        rows: dict[Any, Any] = {
            key: {**row, "price": str(row["price"])} for key, row in table_contents(engine, Product).items()
        }
        assert rows == truth(PRODUCTS), log[-3000:]
        return log

    with oscar_shop(tmp_path, PRODUCTS) as site:
        crawled(site)
        assert "unequal)" in (log := crawled(site))
        assert " 0 plain" not in log
        assert "0 unequal" in log
        switch_to_scripts(tmp_path, 5)
        log = crawled(site)
        assert "back to rendering" in log
    engine.dispose()
