"""Requests of render() go to render.page on a server that has it, and as a Lua script to any other server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from scrapy import Request
from scrapy.http import Response
from scrapy.utils.test import get_crawler

from crawler.meta_keys import RENDER
from crawler.splash.middlewares import SplashMiddleware
from crawler.splash.page_endpoint import ENDPOINT, SCRIPT_OPTIONS, script_arguments
from crawler.splash.request_mapping import restore_page_request
from crawler.splash.snapshot_answer import meta_for_snapshot
from spiders.base import SiteSpider

OURS, SPLASH = "http://ours:8050/", "http://splash:8050/"
PAGE = "http://shop.example/list"


class OwnScripts(SiteSpider):
    """A spider that changes a render script."""

    def render_script(self, name: str) -> str:
        return f"-- changed\n{super().render_script(name)}"


def middleware_of(spider_class: type[SiteSpider] = SiteSpider) -> SplashMiddleware:
    """Return the middleware of a crawl with two servers; the first one is our renderer."""
    crawler = get_crawler(spider_class, {"SPLASH_URL": f"{OURS},{SPLASH}"})
    crawler.spider = crawler._create_spider("films")
    crawler.engine = SimpleNamespace(downloader=SimpleNamespace(get_slot_key=lambda request: "shop.example"))  # type: ignore[assignment]
    made = SplashMiddleware.from_crawler(crawler)
    made.servers.at(OURS).additions = frozenset({ENDPOINT})  # type: ignore[union-attr]
    return made


def sent(middleware: SplashMiddleware, page: Request) -> Request:
    splash_request = middleware.process_request(page)
    assert splash_request is not None
    return splash_request


def rendered(middleware: SplashMiddleware, **options: Any) -> Request:
    spider: Any = middleware.crawler.spider
    return spider.render(PAGE, spider.parse, wait_for="//article", timeout=7, **options)  # type: ignore[no-any-return]


def test_each_server_gets_the_request_in_its_own_form() -> None:
    middleware = middleware_of()
    to_ours, to_splash = (sent(middleware, rendered(middleware)) for _ in range(2))
    assert to_ours.url == f"{OURS}render.page" and to_splash.url == f"{SPLASH}execute"
    args = to_ours.meta["splash"]["args"]
    assert (args["wait_for"], args["wait_for_timeout"], args["url"]) == ("//article", 7, PAGE)
    assert "lua_source" not in args and "lua_source" in to_splash.meta["splash"]["_local_arg_fingerprints"]


def test_a_request_goes_from_one_server_to_the_other() -> None:
    middleware = middleware_of()
    page = rendered(middleware)
    to_ours = sent(middleware, page)
    again = restore_page_request(to_ours)
    assert again.meta["splash"]["args"] == {**page.meta["splash"]["args"], "url": PAGE}
    assert again.meta["splash"]["endpoint"] == "execute" and SCRIPT_OPTIONS not in again.meta["splash"]
    to_splash = sent(middleware, again)
    assert to_splash.url == f"{SPLASH}execute"
    assert sent(middleware, restore_page_request(to_splash)).url == f"{OURS}render.page"


def test_a_page_that_copies_the_meta_of_another_one_is_rendered_in_the_same_way() -> None:
    middleware = middleware_of()
    splash_request = sent(middleware, rendered(middleware))
    copied = middleware.process_request(Request(f"{PAGE}?page=2", meta=splash_request.meta))
    assert copied is not None and copied.meta["splash"]["args"]["url"] == f"{PAGE}?page=2"
    assert sent(middleware, copied).url == f"{SPLASH}execute"


def test_a_server_that_lost_the_endpoint_gets_a_script() -> None:
    middleware = middleware_of()
    to_ours = sent(middleware, rendered(middleware))
    again = middleware.process_response(to_ours, Response(to_ours.url, status=404, request=to_ours))
    assert isinstance(again, Request) and again.url == PAGE
    assert not middleware.servers.at(OURS).additions  # type: ignore[union-attr]


def test_a_spider_that_changes_the_script_keeps_it() -> None:
    middleware = middleware_of(OwnScripts)
    assert sent(middleware, rendered(middleware)).url == f"{OURS}execute"


def test_a_script_that_the_endpoint_does_not_replace_stays() -> None:
    middleware = middleware_of()
    spider: Any = middleware.crawler.spider
    page = spider.log_in(PAGE, spider.parse, fields={"user": "a"}, logged_in="//a")
    assert sent(middleware, page).url == f"{OURS}execute"


def test_the_arguments_of_render_scrolled_have_the_names_of_the_endpoint() -> None:
    middleware = middleware_of()
    spider: Any = middleware.crawler.spider
    page = spider.render_scrolled(PAGE, spider.parse, items="//li", end="//hr", quiet=2, scroll_timeout=30)
    splash_request = sent(middleware, page)
    args = splash_request.meta["splash"]["args"]
    assert splash_request.url == f"{OURS}render.page"
    assert {name: value for name, value in args.items() if name.startswith("scroll")} == {
        "scroll": 1000, "scroll_item": "//li", "scroll_end": "//hr", "scroll_wait": 2, "scroll_timeout": 30,
    }  # fmt: skip
    assert script_arguments(splash_request.meta["splash"])["scroll_items"] == "//li"


def test_a_snapshot_has_no_secret_of_the_script_s_options() -> None:
    middleware = middleware_of()
    page = rendered(middleware)
    page.meta["splash"]["args"]["proxy"] = "http://user:secret@proxy.example:3128"
    page.meta["splash"]["args"]["cookies"] = [{"name": "session", "value": "secret"}]
    assert RENDER.is_in(page)
    assert "secret" not in str(meta_for_snapshot(sent(middleware, page).meta))
