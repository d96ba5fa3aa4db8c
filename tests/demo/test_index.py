"""robots.txt, the sitemap and the health check."""

from __future__ import annotations

from urllib.robotparser import RobotFileParser
from xml.etree import ElementTree

from tests.demo.visits import visit
from tests.processes import server

SITEMAP = {"": "http://www.sitemaps.org/schemas/sitemap/0.9"}


def last_changes(site: str) -> dict[str, str]:
    """Return the URLs of the sitemap with their dates."""
    urls = ElementTree.fromstring(visit(f"{site}/sitemap.xml").body).findall("url", SITEMAP)
    return {url.findtext("loc", "", SITEMAP): url.findtext("lastmod", "", SITEMAP) for url in urls}


def test_the_health_check_answers_ok(demo_site: str) -> None:
    assert visit(f"{demo_site}/healthz").text == "ok"


def test_robots_txt_disallows_private_pages(demo_site: str) -> None:
    robots = RobotFileParser()
    robots.parse(visit(f"{demo_site}/robots.txt").text.splitlines())
    assert not robots.can_fetch("anyone", f"{demo_site}/private/diary")
    assert robots.can_fetch("anyone", f"{demo_site}/books")
    assert robots.crawl_delay("anyone") is None
    assert robots.site_maps() == [f"{demo_site}/sitemap.xml"]


def test_the_sitemap_lists_every_book(demo_site: str) -> None:
    books = visit(f"{demo_site}/truth.json").json["books"]
    assert last_changes(demo_site) == dict.fromkeys((book["url"] for book in books), "2026-01-01")


def test_the_sitemap_of_day_two_has_the_dates_of_changed_books() -> None:
    with server("demo", "--port", "0", "--day", "2", "--exit-with-stdin") as site:
        assert visit(f"{site}/truth.json").json["day"] == 2
        days = list(last_changes(site).values())
    assert set(days) == {"2026-01-01", "2026-01-02"}
    assert 100 <= days.count("2026-01-02") <= 125  # 5 % prices, 5 % stocks, 1 % reviews, 12 new books


def test_the_sitemap_escapes_the_host_header(demo_site: str) -> None:
    answer = visit(f"{demo_site}/sitemap.xml", Host="a<b>&c")
    assert answer.status == 400 or b"<b>" not in answer.body
