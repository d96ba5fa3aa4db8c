"""A spider's ``custom_settings`` add middlewares and extensions of its own; ours stay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import scrapy_splash
from scrapy.core.downloader.middleware import DownloaderMiddlewareManager
from scrapy.exceptions import NotConfigured
from scrapy.settings import Settings
from scrapy.utils.conf import build_component_list
from scrapy.utils.misc import load_object
from scrapy.utils.test import get_crawler

from crawler.splash.middlewares import SplashCookiesMiddleware, SplashMiddleware
from models.schema import upgrade
from models.session import make_engine
from tests.crawler.fake_shop_site import FakeShop, fake_shop
from tests.crawler.shop_crawls import ShopCrawls


class OwnMiddleware:
    pass


class OwnSplashMiddleware(scrapy_splash.SplashMiddleware):  # type: ignore[misc]
    pass


@pytest.fixture
def shop() -> Iterator[FakeShop]:
    with fake_shop() as site:
        yield site


def components(name: str, own: dict[Any, Any]) -> list[type]:
    """Return the classes that Scrapy makes of a setting when a spider has this one."""
    settings = Settings()
    settings.setmodule("crawler.settings", priority="project")
    settings.set(name, own, priority="spider")
    return [
        load_object(path)
        for path in build_component_list(settings.get_component_priority_dict_with_base(name))
    ]


@pytest.mark.parametrize("name", ["DOWNLOADER_MIDDLEWARES", "SPIDER_MIDDLEWARES", "EXTENSIONS"])
def test_a_spider_with_components_of_its_own_has_ours_too(name: str) -> None:
    ours = components(name, {})
    own = components(name, {OwnMiddleware: 500})
    assert [one for one in own if one is not OwnMiddleware] == ours
    assert OwnMiddleware in own
    assert any(one.__module__.startswith("crawler.") for one in ours)


@pytest.mark.parametrize("name", ["scrapy_splash.middleware.SplashMiddleware", SplashMiddleware])
def test_a_spider_that_names_splashs_middleware_otherwise_has_it_once(name: Any) -> None:
    crawler = get_crawler(
        settings_dict={
            "DOWNLOADER_MIDDLEWARES_BASE": {"scrapy_splash.SplashMiddleware": 725},
            "DOWNLOADER_MIDDLEWARES": {name: 700},
        }
    )
    manager = DownloaderMiddlewareManager.from_crawler(crawler)
    assert [type(one) for one in manager.middlewares] == [SplashMiddleware]


def test_a_middleware_that_derives_from_splashs_takes_its_place() -> None:
    crawler = get_crawler(settings_dict={"DOWNLOADER_MIDDLEWARES": {OwnSplashMiddleware: 725}})
    with pytest.raises(NotConfigured, match="OwnSplashMiddleware takes its place"):
        SplashMiddleware.from_crawler(crawler)
    assert isinstance(SplashCookiesMiddleware.from_crawler(crawler), SplashCookiesMiddleware)


def test_a_crawl_with_extensions_and_middlewares_of_its_own_stores_its_rows(
    shop: FakeShop, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/shop.db"
    engine = make_engine(url)
    upgrade(engine)
    engine.dispose()
    shop.fill(4)
    crawls = ShopCrawls(shop, url)
    own = '{"tests.crawler.test_custom_settings.OwnMiddleware": 543}'
    settings = ("EXTENSIONS", "DOWNLOADER_MIDDLEWARES", "SPIDER_MIDDLEWARES")
    done = crawls.crawl(*(word for name in settings for word in ("-s", f"{name}={own}")))
    assert done.returncode == 0, done.stderr
    assert crawls.stored() == [0, 1, 2, 3]
