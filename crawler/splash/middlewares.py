"""scrapy-splash's three middlewares on today's Scrapy; docs/scrapy-splash.md says what each override mends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Self
from urllib.parse import urlsplit

from scrapy import Request, Spider
from scrapy.core.scheduler import Scheduler
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Headers, Response
from scrapy.http.request import NO_CALLBACK
from scrapy.utils.misc import load_object
from scrapy_splash import middleware as original

from crawler.splash.arguments import kept_in_state, lost, named_script, own_options, whole
from crawler.splash.cache import keep_errors_out_of_the_cache
from crawler.splash.credentials import http_auth, is_for_the_site, without_userinfo
from crawler.splash.errors import short
from crawler.splash.fingerprint import local_fingerprint
from crawler.splash.logs import logger, set_level
from crawler.splash.render import RENDER
from crawler.splash.sent import SESSION_COOKIES, TURN, anew, is_copied, is_sent, mark_sent, page_again
from crawler.splash.servers import Servers
from crawler.splash.start_requests import give_start

SPLASH_DEFAULT_TIMEOUT = 30.0  # seconds that Splash gives a render which does not name a timeout
MOST_498 = 5  # times that a request is sent anew because Splash had forgotten its arguments


class ArgumentsLost(IgnoreRequest):
    """A request has the fingerprints of its arguments, and nobody has the arguments."""


class SplashMiddleware(original.SplashMiddleware):  # type: ignore[misc]
    crawler: Crawler
    servers: Servers
    _at = ""  # the server that the request in hand is for

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        set_level(crawler.settings.get("SPLASH_LOG_LEVEL") or "WARNING")
        made: Self = super().from_crawler(crawler)
        made.servers = Servers.of(crawler)
        made.splash_base_url = made.servers.all[0].url
        give_start(crawler.spider)
        return made

    def spider_opened(self, spider: Spider) -> None:
        # The original replaces the robots.txt middleware by one that lets rendered pages through, where a spider has
        # http_user. Ours needs no such exception: see _protect.
        keep_errors_out_of_the_cache(self.crawler)

    @property
    def _argument_values(self) -> dict[str, Any]:
        return kept_in_state(self.crawler.spider, SplashDeduplicateArgsMiddleware.local_values_key)

    @property
    def _remote_keys(self) -> dict[str, Any]:
        """What the server has saved, by fingerprint: each server has its own."""
        keys: dict[str, Any] = kept_in_state(self.crawler.spider, self.remote_keys_key)
        found: dict[str, Any] = keys.setdefault(self._at, {})
        return found

    def process_request(self, request: Request, spider: Spider | None = None) -> Request | None:
        if "splash" not in request.meta:
            self._protect(request)
            return None
        if is_copied(request):
            return anew(request)
        if is_sent(request):
            return None
        # The caller keeps the request as it was: a retry, a frontier and the next page may still need it.
        page = request.replace(meta={**request.meta, "splash": own_options(request)})
        options = page.meta["splash"]
        auth = self._point_at_splash(options)
        self._at = options["splash_url"]
        values = self._argument_values  # makes spider.state, which is only there with JOBDIR
        if options.get("cache_args") and "_replaced_args" not in options:
            SplashDeduplicateArgsMiddleware()._process_request(page, self.crawler.spider)
        script = named_script(page, self.crawler.spider)
        if script is not None and "lua_source" in lost(options, values):
            options["args"]["lua_source"] = key = local_fingerprint(script)
            values[key] = script
        if lost(options, values, self._remote_keys):
            logger.error("%s cannot be rendered: the values of its cache_args are lost", request.url)
            raise ArgumentsLost(f"the values of the cache_args of {request.url} are lost")
        self._protect(page)
        # Without a spider the original leaves the Authorization header alone; _protect knows better.
        sent: Request | None = super().process_request(page, None)
        if sent is None:
            return None
        if auth is not None and "Authorization" not in Headers(options.get("splash_headers") or {}):
            sent.headers["Authorization"] = auth
        if "timeout" not in sent.meta["splash"]["args"] and "download_timeout" in sent.meta:
            least = SPLASH_DEFAULT_TIMEOUT + self.splash_extra_timeout
            sent.meta["download_timeout"] = max(least, sent.meta["download_timeout"])
        mark_sent(sent, request)
        logger.debug("Asking Splash for %s (%s)", request.url, options["endpoint"])
        return sent

    def process_response(
        self, request: Request, response: Response, spider: Spider | None = None
    ) -> Request | Response:
        if not is_sent(request):
            return response
        self._at = request.meta["splash"]["splash_url"]
        result: Request | Response = super().process_response(request, response, None)
        data = getattr(result, "data", None)
        if response.status >= 500 and isinstance(data, dict):
            logger.info("Splash failed on %s: %s", _page_url(request), short(data))
        return result

    def _point_at_splash(self, options: dict[str, Any]) -> bytes | None:
        """Say which server it is, without its password, which would be in every log line; gives its Authorization.

        A request of a spider's that names its ``splash_url`` goes there.
        """
        named = options.get("splash_url")
        url, auth = without_userinfo(named or "")
        server = self.servers.at(url) if named else self.servers.next()
        if not named:
            options[TURN] = True
        if server is not None:
            url, auth = server.url if not named else url, auth or server.auth
        # Splash may be under a path: urljoin would cut off the last part of it, or all where the endpoint has a slash.
        options["splash_url"] = f"{url.rstrip('/')}/"
        options["endpoint"] = (options.get("endpoint") or self.default_endpoint).lstrip("/")
        return auth

    def _protect(self, request: Request) -> None:
        """Take from a request for a site the credentials that are for Splash, or for whoever owns the proxy."""
        splash_urls = [server.url for server in self.servers.all]
        if "splash" in request.meta:
            request.headers.pop("Proxy-Authorization", None)
            splash_urls.append(request.meta["splash"]["splash_url"])
        elif request.callback is not NO_CALLBACK or urlsplit(request.url).path != "/robots.txt":
            return  # a page that the spider asks for by itself: Scrapy's own rules
        auth = http_auth(request, self.crawler.spider, self.crawler.settings)
        if auth is None or request.headers.get("Authorization") != auth.header:
            return
        if not all(is_for_the_site(auth, site=request.url, splash=url) for url in splash_urls):
            del request.headers["Authorization"]

    def _get_slot_key(self, request_or_response: Any) -> str:
        assert self.crawler.engine is not None
        key: str = self.crawler.engine.downloader.get_slot_key(request_or_response)
        return key

    def _process_x_splash_saved_arguments(self, request: Request, response: Response) -> None:
        # Arguments that the spider had saved by itself are none of ours, and a page from the HTTP cache says nothing
        # about what Splash has today.
        header = original.get_splash_headers(response).get(b"X-Splash-Saved-Arguments")
        if not header or "cached" in response.flags:
            return
        fingerprints = request.meta["splash"].get("_local_arg_fingerprints", {})
        for name, key in original.parse_x_splash_saved_arguments_header(header).items():
            if name in fingerprints:
                self._remote_keys[fingerprints[name]] = key

    def _498_retry_request(self, request: Request, response: Response) -> Request | Response:
        options = request.meta["splash"]
        fingerprints = options.get("_local_arg_fingerprints")
        if not fingerprints:
            return response  # the spider's own load_args: it knows what to do
        count = request.meta.get("_splash_498", 0) + 1
        if count > MOST_498 or any(value not in self._argument_values for value in fingerprints.values()):
            logger.error("%s cannot be rendered: Splash has lost its arguments", _page_url(request))
            raise IgnoreRequest("Splash has lost the arguments of a page, and they cannot be sent again")
        again: Request = super()._498_retry_request(request, response)
        again.meta["_splash_498"] = count
        # The same request a second time is on purpose; the duplicates filter would drop the page.
        return again.replace(dont_filter=True)

    def _log_400(self, request: Request, response: Response, spider: Spider | None) -> None:
        data = getattr(response, "data", None)
        if isinstance(data, dict) and RENDER not in request.meta:  # crawler.splash.rendered reports its own
            logger.warning("Splash refused %s: %s", _page_url(request), short(data))


class SplashCookiesMiddleware(original.SplashCookiesMiddleware):  # type: ignore[misc]
    def process_request(self, request: Request, spider: Spider | None = None) -> None:
        options = request.meta.get("splash", {})
        given = "cookies" in options.get("args", {})
        super().process_request(request, spider)
        if not given and "cookies" in options.get("args", {}):
            options[SESSION_COOKIES] = True

    def process_response(
        self, request: Request, response: Response, spider: Spider | None = None
    ) -> Response:
        if not isinstance(getattr(response, "data", {}), dict):
            return response  # what a script returned may be a list or a number
        result: Response = super().process_response(request, response, spider)
        return result

    def _get_request_cookies(self, request: Request) -> list[dict[str, Any]]:
        """As text, and for the page's host: Splash sends no cookie that has no domain."""
        host = urlsplit(request.url).hostname or ""
        cookies = super()._get_request_cookies(request)
        return [
            {
                **{key: _text(value) for key, value in cookie.items()},
                "domain": _text(cookie.get("domain")) or host,
                "path": _text(cookie.get("path")) or "/",
            }
            for cookie in cookies
        ]


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class SplashDeduplicateArgsMiddleware(original.SplashDeduplicateArgsMiddleware):  # type: ignore[misc]
    """Scrapy's own queues come with ``spider.state``, and have fingerprints of arguments whose values are in there.

    A frontier outlives that, so what goes into it has its arguments, but for our own render scripts, which have names;
    their place is taken by fingerprints on the way to Splash.
    """

    crawler: Crawler
    queue_is_scrapys = True

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        made = cls()
        made.crawler = crawler
        # issubclass() says yes to whatever has a scheduler's methods.
        made.queue_is_scrapys = Scheduler in load_object(crawler.settings["SCHEDULER"]).__mro__
        give_start(crawler.spider)
        return made

    async def process_start(self, start: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for result in start:
            yield self._deduplicated(result)

    async def process_spider_output(
        self, response: Response, result: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        async for one in result:
            if isinstance(one, Request):
                _forget_splash_as_referer(one, response)
            yield self._deduplicated(one)

    def _deduplicated(self, result: Any) -> Any:
        if not isinstance(result, Request) or "splash" not in result.meta:
            return result
        # Requests are made anew by copying their meta, and the frontier has noted there which generator yielded them.
        running = {
            name: result.meta.pop(name)
            for name, value in list(result.meta.items())
            if isinstance(value, Iterator | AsyncIterator)
        }
        result = self._with_arguments_to_keep(result)
        result.meta.update(running)
        return result

    def _with_arguments_to_keep(self, request: Request) -> Request:
        if is_sent(request):  # a callback that asks for its page once more
            if self.queue_is_scrapys or TURN not in request.meta["splash"]:
                return request
            request = page_again(request).replace(dont_filter=request.dont_filter)
        elif is_copied(request):
            request = anew(request)
        values = kept_in_state(self.crawler.spider, self.local_values_key)
        if not self.queue_is_scrapys and RENDER not in request.meta:
            return whole(request, values)
        if "_replaced_args" in request.meta["splash"]:
            return request
        request.meta["splash"] = own_options(request)
        replaced: Request = self._process_request(request, self.crawler.spider)
        return replaced


def _forget_splash_as_referer(request: Request, response: Response) -> None:
    """A response that was left as it came (dont_process_response) has Splash's address, which is no site's business."""
    referer = (request.headers.get("Referer") or b"").decode("latin-1")
    came_from = response.request
    if not referer or came_from is None or not is_sent(came_from):
        return
    if urlsplit(referer).netloc == urlsplit(came_from.url).netloc != urlsplit(_page_url(came_from)).netloc:
        del request.headers["Referer"]


def _page_url(sent: Request) -> str:
    return str(sent.meta["splash"]["args"].get("url", sent.url))
