"""Adaptive rendering of a server-rendered shop (django-oscar): rows and pages a second, RENDERING=always and auto.

python -m benchmarks.rendering [--products 520]

It crawls the shop with always, and twice with auto: the second run has what the first one learned. Then scripts make
the shop's pages: between two runs, and in the middle of one. After each crawl the rows must be those of the shop. The
limit is six times the pages a second of always.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crawler.rendering.counts import rendering_text
from models import Base, CrawlRun
from models.schema import upgrade
from models.session import make_engine
from models.table_contents import table_contents
from tests.sites.oscar.shop import Product
from tests.sites.oscar.site import oscar_shop, switch_to_scripts, truth

FASTER = 6


def crawl(url: str, site: str, mode: str) -> dict[str, Any]:
    """Crawl the shop, and return the counts and seconds of the run."""
    command = [sys.executable, "-m", "scrapy", "crawl", "oscar", "-a", f"site={site}"]
    settings = {"SPIDER_MODULES": "tests.sites.oscar.shop", "RENDERING": mode, "ROBOTSTXT_OBEY": 0}
    command += [part for name, value in settings.items() for part in ("-s", f"{name}={value}")]
    own = {"DATABASE_URL": url, "SPLASHDOWN_ENV_FILE": "", "LOG_LEVEL": "ERROR", "SPLASH_URL": ""}
    subprocess.run(command, env=os.environ | own, check=True)
    engine = make_engine(url)
    with Session(engine) as session:
        run = session.scalars(select(CrawlRun).order_by(CrawlRun.id.desc())).first()
        assert run is not None and run.counts is not None
        counts = {**run.counts, "seconds": run.seconds}
    engine.dispose()
    return counts


def rows(url: str) -> dict[Any, Any]:
    engine = make_engine(url)
    found = {key: {**row, "price": str(row["price"])} for key, row in table_contents(engine, Product).items()}
    engine.dispose()
    return found


def empty(url: str) -> None:
    engine = make_engine(url)
    upgrade(engine)
    Product.table().create(engine, checkfirst=True)
    engine.dispose()


def measure(products: int) -> bool:
    """Do the crawls, print their figures, and return whether all rows are right and auto is fast enough."""
    Base.metadata.remove(Product.table())
    speeds, good = {}, True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        urls = {word: f"sqlite:///{folder}/{word}.db" for word in ("always", "auto", "middle")}
        for url in urls.values():
            empty(url)
        with oscar_shop(folder, products) as site:

            def step(title: str, database: str, mode: str) -> None:
                nonlocal good
                counts = crawl(urls[database], site, mode)
                pages = counts["pages"].get("done", 0)
                speeds[title] = pages / counts["seconds"]
                equal = rows(urls[database]) == truth(products)
                good = good and equal
                how = rendering_text(counts["rendering"]) if counts["rendering"] else "all rendered"
                print(
                    f"{title}: {pages} pages in {counts['seconds']:.1f} s, {speeds[title]:.2f} pages/s; {how}; "
                    f"{'all rows are right' if equal else 'WRONG ROWS'}",
                    flush=True,
                )

            step("warm-up of the shop's cache", "always", "never")
            step("always", "always", "always")
            step("auto, first run", "auto", "auto")
            step("auto, second run", "auto", "auto")
            step("auto, first run of another database", "middle", "auto")
            switch_to_scripts(folder, products // 2)
            step("auto, scripts after half of the pages", "middle", "auto")
            switch_to_scripts(folder, 0)
            step("auto, scripts since the last run", "auto", "auto")
    ratio = speeds["auto, second run"] / speeds["always"]
    print(f"auto is {ratio:.1f} times as fast as always (the limit is {FASTER})")
    return good and ratio >= FASTER


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--products", type=int, default=520)
    sys.exit(0 if measure(parser.parse_args().products) else 1)
