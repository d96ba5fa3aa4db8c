"""Requests incomplete pages many times while all cores are busy.

Run ``python -m tests.spiders.incomplete_pages --times 200``. It requests each page of ``tests.spiders.incomplete_site``
in each way that a spider has, with both renderers. Either the page has all its rows, or its request is failed or cut.
The program ends with 1 if a page lacks rows and nothing reports it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import select

from models.request import CUT, DONE, CrawlRequest
from models.session import make_engine
from tests.crawls import scrapy
from tests.spiders.incomplete_site import COMPLETE, KINDS, ROWS, incomplete_site

WAYS = ("render", "scrolled", "pages", "log_in", "plain", "html", "fixed")
SPIDER = Path(__file__).with_name("incomplete_spider.py")
OUR_OWN = "ours"
DEADLINE = 7200.0

ALL, FAILED_PAGE, REPORTED, SILENT = "complete", "failed page", "reported as cut", "incomplete, not reported"
OUTCOMES = (ALL, FAILED_PAGE, REPORTED, SILENT)


def crawl_incomplete_pages(
    way: str, splash: str, *, kinds: Sequence[str], times: int
) -> dict[str, Counter[str]]:
    """Request the pages of each kind ``times`` times in one way, and return their outcomes.

    Args:
        splash: the URL of a Splash, or empty for our own renderer.
    """
    with incomplete_site() as site, tempfile.TemporaryDirectory(prefix="incomplete-pages-") as folder:
        database, feed = f"sqlite:///{folder}/x.db", f"{folder}/rows.jsonl"
        done = scrapy(
            "runspider", str(SPIDER), "-O", feed, "-a", f"site={site.url}", "-a", f"way={way}",
            "-a", f"kinds={','.join(kinds)}", "-a", f"times={times}",
            deadline=DEADLINE, SPLASH_URL=splash, DATABASE_URL=database,
            SPLASH_SCRIPTS="0" if way == "fixed" else "1", RENDERER_SLOTS="6",
        )  # fmt: skip
        rows: dict[str, set[str]] = {}
        for line in Path(feed).read_text("utf-8").splitlines():
            item = json.loads(line)
            rows.setdefault(name_of(item["page"]), set()).add(item["row"])
        found: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
        engine = make_engine(database)
        with engine.connect() as connection:
            for url, state, error in connection.execute(
                select(CrawlRequest.url, CrawlRequest.state, CrawlRequest.error)
            ):
                name = name_of(url)
                due = 2 * ROWS if way == "pages" else ROWS
                found[name.partition("/")[0]][outcome(state, error, len(rows.get(name, ())), due)] += 1
        engine.dispose()
        counted = sum(sum(outcomes.values()) for outcomes in found.values())
        assert counted == times * len(kinds), f"{counted} pages: {done.stderr[-3000:]}"
    return found


def outcome(state: str, error: str | None, rows: int, due: int) -> str:
    """Return the outcome of a page with this number of rows, of which it should have ``due``."""
    if state != DONE:
        return FAILED_PAGE
    if (error or "").startswith(CUT):
        return REPORTED
    return ALL if rows == due else SILENT


def name_of(url: str) -> str:
    """Return ``KIND/NUMBER`` of the URL of a page, or of the form before it."""
    return urlsplit(url).path.removeprefix("/form").strip("/")


@contextmanager
def busy_cores(number: int) -> Iterator[None]:
    """Keep this number of processes busy."""
    context = multiprocessing.get_context("spawn")
    burners = [context.Process(target=_burn, daemon=True) for _ in range(number)]
    for burner in burners:
        burner.start()
    try:
        yield
    finally:
        for burner in burners:
            burner.terminate()
            burner.join()


def _burn() -> None:
    while True:
        sum(range(100_000))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--renderers", default=f"{OUR_OWN},splash", help="splash needs TEST_SPLASH_URL")
    parser.add_argument("--burners", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    renderers = {OUR_OWN: "", "splash": os.environ.get("TEST_SPLASH_URL", "")}
    silent = lost = 0
    with busy_cores(options.burners):
        for renderer in options.renderers.split(","):
            if renderer != OUR_OWN and not renderers[renderer]:
                print(f"{renderer}: skipped, TEST_SPLASH_URL is not set")
                continue
            for way in options.ways.split(","):
                if way == "plain" and renderer != options.renderers.split(",")[0]:
                    continue  # it uses no renderer
                begun = time.monotonic()
                kinds = options.kinds.split(",")
                found = crawl_incomplete_pages(way, renderers[renderer], kinds=kinds, times=options.times)
                print(f"\n{renderer}, {way}: {time.monotonic() - begun:.0f} s")
                for kind, counted in found.items():
                    shown = "  ".join(f"{name} {counted[name]:4}" for name in OUTCOMES)
                    print(f"  {kind:18} {shown}", flush=True)
                    silent += counted[SILENT]
                    lost += options.times - counted[ALL] if KINDS[kind].ends == COMPLETE else 0
    print(f"\nincomplete, not reported: {silent}; complete pages that were reported as incomplete: {lost}")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
