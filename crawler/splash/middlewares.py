"""scrapy-splash's three middlewares on current Scrapy. docs/scrapy-splash.md lists what each override fixes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Self
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from scrapy import Request, Spider
from scrapy.core.scheduler import Scheduler
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest, NotConfigured
from scrapy.http import Headers, Response
from scrapy.http.request import NO_CALLBACK
from scrapy.utils.misc import load_object
from scrapy_splash import SplashRequest
from scrapy_splash import middleware as original

from crawler.meta_keys import RENDER, SAVED_ARGUMENTS_LOST
from crawler.security.url_credentials import without_userinfo
from crawler.splash.cache_args import copied_options, lost_arguments, named_script, state_dict, with_values
from crawler.splash.errors import one_line_error
from crawler.splash.fingerprint import local_fingerprint
from crawler.splash.http_auth import http_auth, is_for_the_site
from crawler.splash.http_cache import cache_pages_only
from crawler.splash.page_endpoint import (
    ENDPOINT,
    SCRIPT_OPTIONS,
    has_equivalent,
    leave_out_default_headers,
    use_page_endpoint,
)
from crawler.splash.render_log import logger, set_level
from crawler.splash.request_mapping import (
    SESSION_COOKIES,
    TURN,
    is_copy_of_splash_request,
    is_rendered,
    is_splash_request,
    mark_splash_request,
    rebuild_page_request,
    rendered_url,
    restore_page_request,
)
from crawler.splash.responses import at_last_url
from crawler.splash.server_list import Servers, has_renderer
from crawler.splash.session_storage import STORAGE, SessionStorages
from crawler.splash.start_requests import add_start

SPLASH_DEFAULT_TIMEOUT = 30.0  # seconds; Splash's own for a render without a timeout
MOST_498 = 5  # retries of a request because Splash had lost its arguments


class ArgumentsLost(IgnoreRequest):
    """A request has only the fingerprints of its arguments, and their values are lost."""


def check_is_only_one(cls: type, crawler: Crawler, name: str) -> None:
    """Raise NotConfigured if another middleware does the work of this one.

    It is in the ``..._BASE`` setting, which the custom_settings of a spider do not replace. A spider may name a class
    that derives from it, which takes its place, or the class by another of its names; the crawl then
    has it once.

    Args:
        name: DOWNLOADER_MIDDLEWARES or SPIDER_MIDDLEWARES.
    """
    names = set()
    for setting in (name, f"{name}_BASE"):
        for path, order in crawler.settings.getdict(setting).items():
            other = load_object(path) if order is not None else None
            if not isinstance(other, type) or not issubclass(other, cls):
                continue
            if other is not cls:
                raise NotConfigured(f"{other.__module__}.{other.__qualname__} takes its place")
            names.add(path)
    left_out = _left_out.setdefault(crawler, set())
    if len(names) > 1 and cls not in left_out:
        left_out.add(cls)
        raise NotConfigured("the settings name it twice")


# The classes whose first object was left out, because the settings of the crawl name them twice.
_left_out: WeakKeyDictionary[Crawler, set[type]] = WeakKeyDictionary()


class SplashMiddleware(original.SplashMiddleware):  # type: ignore[misc]
    """Replaces a page's request by a request to Splash, and Splash's answer by a response of the page."""

    crawler: Crawler
    servers: Servers
    storages: SessionStorages
    _at = ""  # the URL of the server of the current request or response

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        check_is_only_one(cls, crawler, "DOWNLOADER_MIDDLEWARES")
        set_level(crawler.settings.get("SPLASH_LOG_LEVEL") or "WARNING")
        made: Self = super().from_crawler(crawler)
        made.servers = Servers.of(crawler)
        made.splash_base_url = made.servers.all[0].url
        made.storages = SessionStorages()
        add_start(crawler.spider)
        return made

    def spider_opened(self, spider: Spider) -> None:
        """Set the cache policy.

        If a spider has http_user, the original replaces the robots.txt middleware by one that ignores rendered pages.
        That is not needed here: see ``_protect``.
        """
        cache_pages_only(self.crawler)

    @property
    def _argument_values(self) -> dict[str, Any]:
        return state_dict(self.crawler.spider, SplashDeduplicateArgsMiddleware.local_values_key)

    @property
    def _remote_keys(self) -> dict[str, Any]:
        """The keys of the values that the current server has saved, by fingerprint."""
        keys: dict[str, Any] = state_dict(self.crawler.spider, self.remote_keys_key)
        found: dict[str, Any] = keys.setdefault(self._at, {})
        return found

    def process_request(self, request: Request, spider: Spider | None = None) -> Request | None:
        """Return another request for a page that Splash renders; None for plain requests and requests to Splash."""
        if not is_rendered(request):
            self._protect(request)
            return None
        if is_copy_of_splash_request(request):
            return rebuild_page_request(request)
        if is_splash_request(request):
            return None
        return self._splash_request_for(request)

    def _splash_request_for(self, request: Request) -> Request | None:
        """Return the request to Splash for a page's request. Because of this step a page crosses the scheduler twice.

        Scrapy does not download a request for which a middleware returns another one. It schedules the other one, with
        the same callback and the same number in the frontier:

        1. The page's request has the page's URL. It passes the duplicates filter, robots.txt and the off-site filter,
           and it is the one that the frontier stores.
        2. The request to Splash has ``mark_splash_request``'s mark and a fingerprint of its own. The frontier holds it
           in memory only. It comes here a second time, ``process_request`` returns None, and Scrapy downloads it.

        ``restore_page_request`` is the way back, for a page that goes to another server.

        Raises:
            ArgumentsLost: the request has only fingerprints of ``cache_args``, and their values are lost.
        """
        # The page's request is not changed: a retry, the frontier and the next page may need it.
        # A SplashRequest makes a deep copy of its options itself.
        is_copied = isinstance(request, SplashRequest)
        given = request.meta["splash"] if is_copied else copied_options(request)
        page = request.replace(meta={**request.meta, "splash": given})
        options = page.meta["splash"]
        auth = self._point_at_splash(options)
        self._at = options["splash_url"]
        self.storages.add_to(page)
        if self._has_page_endpoint(options) and has_equivalent(page):
            use_page_endpoint(options, RENDER.get(page, {})["script"])
            leave_out_default_headers(page)
        values = self._argument_values  # makes spider.state if it is missing
        if options.get("cache_args") and "_replaced_args" not in options:
            SplashDeduplicateArgsMiddleware()._process_request(page, self.crawler.spider)
        script = named_script(page, self.crawler.spider) if SCRIPT_OPTIONS not in options else None
        if script is not None and "lua_source" in lost_arguments(options, values):
            options["args"]["lua_source"] = key = local_fingerprint(script)
            values[key] = script
        if lost_arguments(options, values, self._remote_keys):
            logger.error("%s cannot be rendered: the values of its cache_args are lost", request.url)
            raise ArgumentsLost(f"the values of the cache_args of {request.url} are lost")
        self._protect(page)
        # Without a spider the original does not change the Authorization header; _protect does.
        splash_request: Request | None = super().process_request(page, None)
        if splash_request is None:
            return None
        if auth is not None and "Authorization" not in Headers(options.get("splash_headers") or {}):
            splash_request.headers["Authorization"] = auth
        if (
            "timeout" not in splash_request.meta["splash"]["args"]
            and "download_timeout" in splash_request.meta
        ):
            least = SPLASH_DEFAULT_TIMEOUT + self.splash_extra_timeout
            splash_request.meta["download_timeout"] = max(least, splash_request.meta["download_timeout"])
        mark_splash_request(splash_request, request)
        logger.debug("Asking Splash for %s (%s)", request.url, options["endpoint"])
        return splash_request

    def process_response(
        self, request: Request, response: Response, spider: Spider | None = None
    ) -> Request | Response:
        """Return the page's response, or the request again with its arguments if Splash has lost them."""
        if not is_splash_request(request):
            return response
        self._at = request.meta["splash"]["splash_url"]
        server = self.servers.at(request.url)
        if response.status == 404 and SCRIPT_OPTIONS in request.meta["splash"] and server is not None:
            server.additions = frozenset()  # another renderer answers there since the last ping
            return restore_page_request(request)
        result: Request | Response = at_last_url(super().process_response(request, response, None))
        if isinstance(result, Response):
            self.storages.take_from(request, result)
        data = getattr(result, "data", None)
        if response.status >= 500 and isinstance(data, dict):
            logger.info("Splash failed on %s: %s", rendered_url(request), one_line_error(data))
        return result

    def _has_page_endpoint(self, options: dict[str, Any]) -> bool:
        server = self.servers.at(options["splash_url"])
        return server is not None and ENDPOINT in server.additions

    def _point_at_splash(self, options: dict[str, Any]) -> bytes | None:
        """Set the server and the endpoint in the options, and return the server's Authorization header.

        The URL in the options has no password, because each log line has it. A ``splash_url`` of the spider stays.
        """
        named = options.get("splash_url")
        url, auth = without_userinfo(named or "")
        server = self.servers.at(url) if named else self.servers.next()
        if not named:
            options[TURN] = True
        if server is not None:
            url, auth = server.url if not named else url, auth or server.auth
        # Splash's URL may have a path. urljoin drops its last part, or all of it if the endpoint begins with a slash.
        options["splash_url"] = f"{url.rstrip('/')}/"
        options["endpoint"] = (options.get("endpoint") or self.default_endpoint).lstrip("/")
        return auth

    def _protect(self, request: Request) -> None:
        """Remove the credentials for Splash or for a proxy from a request for a site."""
        splash_urls = [server.url for server in self.servers.all]
        if is_rendered(request):
            request.headers.pop("Proxy-Authorization", None)
            splash_urls.append(request.meta["splash"]["splash_url"])
        elif request.callback is not NO_CALLBACK or urlsplit(request.url).path != "/robots.txt":
            return  # a plain page of the spider: Scrapy's own rules hold
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
        # Skip arguments that the spider saved with save_args. A page from the HTTP cache does not show what Splash has
        # now.
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
            return response  # the spider's own load_args: the spider handles the answer
        count = SAVED_ARGUMENTS_LOST.get(request, 0) + 1
        if count > MOST_498 or any(value not in self._argument_values for value in fingerprints.values()):
            logger.error("%s cannot be rendered: Splash has lost its arguments", rendered_url(request))
            raise IgnoreRequest("Splash has lost the arguments of a page, and they cannot be sent again")
        again: Request = super()._498_retry_request(request, response)
        SAVED_ARGUMENTS_LOST.set(again, count)
        # The duplicates filter must not drop the retry, which has the same fingerprint.
        return again.replace(dont_filter=True)

    def _log_400(self, request: Request, response: Response, spider: Spider | None) -> None:
        data = getattr(response, "data", None)
        # crawler.splash.rendered_pages logs the errors of render().
        if isinstance(data, dict) and not RENDER.is_in(request):
            logger.warning("Splash refused %s: %s", rendered_url(request), one_line_error(data))


class SplashCookiesMiddleware(original.SplashCookiesMiddleware):  # type: ignore[misc]
    """Puts the cookies of a session into the arguments of its requests, and those of answers into the session."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        if not has_renderer(crawler.settings):
            raise NotConfigured
        check_is_only_one(cls, crawler, "DOWNLOADER_MIDDLEWARES")
        made: Self = super().from_crawler(crawler)
        return made

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
            return response  # a script may return a list or a number
        result: Response = super().process_response(request, response, spider)
        return result

    def _get_request_cookies(self, request: Request) -> list[dict[str, Any]]:
        """Return the cookies as text, with the page's host as default domain: Splash sends no cookie without one."""
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
    """Return bytes and numbers of a cookie as text, and other values unchanged."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class SplashDeduplicateArgsMiddleware(original.SplashDeduplicateArgsMiddleware):  # type: ignore[misc]
    """Replaces the values of ``cache_args`` by fingerprints in requests for Scrapy's own queues.

    ``spider.state`` has the values and is saved with Scrapy's queues. The frontier has no ``spider.state``, so its
    requests have the values themselves. Requests with a render script of ours have the script's name, and
    ``SplashMiddleware`` puts the fingerprint into the request to Splash.
    """

    crawler: Crawler
    queue_is_scrapys = True

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        check_is_only_one(cls, crawler, "SPIDER_MIDDLEWARES")
        made = cls()
        made.crawler = crawler
        # issubclass() is true for every class that has a scheduler's methods.
        made.queue_is_scrapys = Scheduler in load_object(crawler.settings["SCHEDULER"]).__mro__
        add_start(crawler.spider)
        return made

    async def process_start(self, start: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for result in start:
            yield self._deduplicated(result)

    async def process_spider_output(
        self, response: Response, result: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        async for one in result:
            if isinstance(one, Request):
                _remove_splash_referer(one, response)
            yield self._deduplicated(one)

    def _deduplicated(self, result: Any) -> Any:
        """Return a request in the form for its queue; return other results unchanged."""
        if not isinstance(result, Request) or not is_rendered(result):
            return result
        return self._for_queue(result)

    def _for_queue(self, request: Request) -> Request:
        """Return the page's request, with fingerprints for Scrapy's queues and with values for the frontier."""
        if is_splash_request(request):  # a callback yields the request of its own page again
            if self.queue_is_scrapys or TURN not in request.meta["splash"]:
                return request
            request = restore_page_request(request).replace(dont_filter=request.dont_filter)
        elif is_copy_of_splash_request(request):
            request = rebuild_page_request(request)
        request.meta["splash"].get("args", {}).pop(
            STORAGE, None
        )  # a spider has copied the options of another page
        values = state_dict(self.crawler.spider, self.local_values_key)
        if not self.queue_is_scrapys and not RENDER.is_in(request):
            return with_values(request, values)
        if "_replaced_args" in request.meta["splash"]:
            return request
        request.meta["splash"] = copied_options(request)
        replaced: Request = self._process_request(request, self.crawler.spider)
        return replaced


def _remove_splash_referer(request: Request, response: Response) -> None:
    """Remove a Referer header that names Splash: the URL of a response with dont_process_response is Splash's."""
    referer = (request.headers.get("Referer") or b"").decode("latin-1")
    came_from = response.request
    if not referer or came_from is None or not is_splash_request(came_from):
        return
    splash, site = urlsplit(came_from.url).netloc, urlsplit(rendered_url(came_from) or "").netloc
    if urlsplit(referer).netloc == splash != site:
        del request.headers["Referer"]
