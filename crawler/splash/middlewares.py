"""scrapy-splash's three middlewares on today's Scrapy; docs/scrapy-splash.md says what each override mends."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any, Self

from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy_splash import middleware as original

from crawler.splash.errors import short
from crawler.splash.start_requests import give_start

logger = logging.getLogger("splashdown.render")

SPLASH_DEFAULT_TIMEOUT = 30.0  # seconds that Splash gives a render which does not name a timeout
MOST_498 = 5  # times that a request is sent anew because Splash had forgotten its arguments


class SplashMiddleware(original.SplashMiddleware):  # type: ignore[misc]
    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        level = crawler.settings.get("SPLASH_LOG_LEVEL") or "WARNING"
        for name in ("scrapy_splash", "splashdown.render"):
            logging.getLogger(name).setLevel(level)
        made: Self = super().from_crawler(crawler)
        if not made.splash_base_url:
            made.splash_base_url = cls.default_splash_url
        give_start(crawler.spider)
        return made

    def spider_opened(self, spider: Spider) -> None:
        # The original replaces the robots.txt middleware where a spider has http_user, so that its credentials do
        # not reach the site. Scrapy now binds credentials to a domain, so robots.txt can be asked for as always.
        if not hasattr(spider, "state"):
            spider.state = {}  # type: ignore[attr-defined]
        spider.state.setdefault(self.remote_keys_key, {})  # type: ignore[attr-defined]

    def process_request(self, request: Request) -> Request | None:
        sent: Request | None = super().process_request(request, self.crawler.spider)
        if sent is None:
            return None
        # The page's own address was looked at by the off-site filter; Splash's is no page.
        sent.meta["allow_offsite"] = True
        args = sent.meta["splash"]["args"]
        if "timeout" not in args:
            least = SPLASH_DEFAULT_TIMEOUT + self.splash_extra_timeout
            sent.meta["download_timeout"] = max(least, sent.meta.get("download_timeout", 0))
        return sent

    def process_response(self, request: Request, response: Response) -> Request | Response:
        result: Request | Response = super().process_response(request, response, self.crawler.spider)
        return result

    def _get_slot_key(self, request_or_response: Any) -> str:
        assert self.crawler.engine is not None
        key: str = self.crawler.engine.downloader.get_slot_key(request_or_response)
        return key

    def _process_x_splash_saved_arguments(self, request: Request, response: Response) -> None:
        # Without cache_args there is nothing of ours that Splash could have kept.
        if "_local_arg_fingerprints" in request.meta["splash"]:
            super()._process_x_splash_saved_arguments(request, response)

    def _498_retry_request(self, request: Request, response: Response) -> Request:
        count = request.meta.get("_splash_498", 0) + 1
        if count > MOST_498 or "_local_arg_fingerprints" not in request.meta["splash"]:
            raise IgnoreRequest(f"Splash forgets the arguments of {request} as often as they are sent")
        again: Request = super()._498_retry_request(request, response)
        again.meta["_splash_498"] = count
        # The same request a second time is on purpose; the duplicates filter would drop the page.
        return again.replace(dont_filter=True)

    def _log_400(self, request: Request, response: Response, spider: Spider) -> None:
        data = getattr(response, "data", None)
        if isinstance(data, dict):
            logger.warning(
                "Splash refused %s: %s", getattr(request, "_original_url", request.url), short(data)
            )


class SplashCookiesMiddleware(original.SplashCookiesMiddleware):  # type: ignore[misc]
    crawler: Crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        made: Self = super().from_crawler(crawler)
        made.crawler = crawler
        return made

    def process_request(self, request: Request) -> None:
        super().process_request(request, self.crawler.spider)

    def process_response(self, request: Request, response: Response) -> Response:
        result: Response = super().process_response(request, response, self.crawler.spider)
        return result


class SplashDeduplicateArgsMiddleware(original.SplashDeduplicateArgsMiddleware):  # type: ignore[misc]
    crawler: Crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        made = cls()
        made.crawler = crawler
        give_start(crawler.spider)
        return made

    async def process_start(self, start: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for result in start:
            yield self._deduplicated(result)

    async def process_spider_output(
        self, response: Response, result: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        async for one in result:
            yield self._deduplicated(one)

    def _deduplicated(self, result: Any) -> Any:
        if not isinstance(result, Request):
            return result
        spider: Any = self.crawler.spider
        if not hasattr(spider, "state"):
            spider.state = {}
        spider.state.setdefault(self.local_values_key, {})
        if "_replaced_args" in result.meta.get("splash", {}):
            return result  # a request that a callback sends on as it got it
        return self._process_request(result, spider)
