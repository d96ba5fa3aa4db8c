"""Plain requests for pages of ``render()``: which requests have a plain form, and the download of that form."""

from __future__ import annotations

import logging

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK

from crawler.meta_keys import (
    PLAIN_FORM,
    RENDER,
    RENDERER_FAILURES,
    RENDERING,
    REQUEST_NUMBER,
    REQUEST_TEXT,
    SAVED_ARGUMENTS_LOST,
)
from crawler.rendering.plain_page import PlainPage, plain_page
from crawler.splash.http_auth import http_auth, is_for_the_site

logger = logging.getLogger("splashdown.rendering")

# Arguments and options of render(). A request with another one needs more of the renderer than HTML.
ARGUMENTS = {
    "url",
    "lua_source",
    "wait_for",
    "wait_timeout",
    "images",
    "timeout",
    "wait",
    "html",
    "history",
    "response_body",
}
OPTIONS = {
    "endpoint",
    "args",
    "cache_args",
    "slot_policy",
    "session_id",
    "magic_response",
    "http_status_from_error_code",
    "_replaced_args",
    "_local_arg_fingerprints",
}
# Keys of meta that belong to the rendered form.
OF_THE_RENDERED_FORM = {
    "splash",
    "retry_times",
    *(
        key.name
        for key in (RENDER, RENDERING, REQUEST_NUMBER, REQUEST_TEXT, RENDERER_FAILURES, SAVED_ARGUMENTS_LOST)
    ),
}


def has_plain_form(request: Request, crawler: Crawler) -> bool:
    """Return whether plain HTTP can ask for the page: a request of ``render()`` without anything else of Splash."""
    render = RENDER.get(request)
    options = request.meta.get("splash")
    if render is None or not isinstance(options, dict) or request.method != "GET" or request.body:
        return False
    script = render.get("script")
    is_ours = render.get("is_ours") if script is not None else options.get("endpoint") == "render.json"
    if script not in (None, "wait_for") or not is_ours or not request.url.startswith(("http://", "https://")):
        return False
    if not ARGUMENTS.issuperset(options.get("args", {})) or not OPTIONS.issuperset(options):
        return False
    if options.get("session_id", "default") != "default" or not options.get("magic_response", True):
        return False
    # Scrapy would send the password of the renderer with a plain request.
    auth = http_auth(request, crawler.spider, crawler.settings)
    splash = crawler.settings.get("SPLASH_URL") or "http://127.0.0.1"
    return auth is None or is_for_the_site(auth, site=request.url, splash=splash)


def plain_form(request: Request, *, retry: bool) -> Request:
    """Return the plain request for the page of a request of ``render()``.

    Args:
        retry: whether RetryMiddleware may repeat it. A page that can be rendered needs no second plain request.
    """
    meta = {name: value for name, value in request.meta.items() if name not in OF_THE_RENDERED_FORM}
    meta[PLAIN_FORM.name] = True
    if not retry:
        meta["dont_retry"] = True
    return Request(
        request.url,
        callback=NO_CALLBACK,
        headers=request.headers,
        cookies=request.cookies,
        meta=meta,
        encoding=request.encoding,
        dont_filter=True,
    )


async def download(crawler: Crawler, request: Request) -> Response:
    """Download a plain request through all downloader middlewares."""
    assert crawler.engine is not None
    return await crawler.engine.download_async(request)


async def plain_page_of(crawler: Crawler, request: Request) -> PlainPage:
    """Return the plain page of a request of ``render()``; an error of the download is a problem of it."""
    try:
        response = await download(crawler, plain_form(request, retry=False))
    except Exception as error:  # a download fails in many ways, and middlewares have errors of their own
        return PlainPage(problem=f"{type(error).__name__}: {error}")
    found = plain_page(response, RENDER.get(request, {}).get("wait_for"))
    if found.problem:
        logger.debug("%s: the plain page is not used: %s", request.url, found.problem)
    return found
