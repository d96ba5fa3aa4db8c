"""Rendered pages of a delta crawl: a page that the sitemap's date says is unchanged is not rendered."""

from __future__ import annotations

from pathlib import Path

from tests.crawls import crawl
from tests.frontier.delta_site import stored

SPIDERS = "-s", "SPIDER_MODULES=tests.crawler.delta.rendered_spider"


def test_an_unchanged_page_is_not_rendered_and_its_links_are(
    demo_site: str, chromium_renderer: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'delta.db'}"
    env = {"DATABASE_URL": url, "DEMO_URL": demo_site, "SPLASH_URL": chromium_renderer}
    first = crawl("dated_books", *SPIDERS, "-s", "DELTA=on", **env)
    assert "pages: 5 done" in first.stderr
    second = crawl("dated_books", *SPIDERS, "-s", "DELTA=on", **env)
    assert "unchanged pages: 3 (not fetched 3, 304 0)" in second.stderr
    assert "pages: 5 done" in second.stderr
    tables = stored(url)
    assert sum(tables["book"].values()) == 3
    assert all(run == 1 for *_, run in tables["book"])  # the second run has seen them all
    assert all(kind == "created" for _, _, kind, *_ in tables["row_change"])
