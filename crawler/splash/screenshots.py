"""Makes screenshots for snapshots: the crawl's renderer draws the HTML alone, without scripts and requests."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections import deque
from http.client import HTTPException

from parsel import Selector
from scrapy.settings import BaseSettings
from w3lib.http import basic_auth_header

from crawler.splash.server_list import Server, servers_at

SECONDS = 10.0  # for a screenshot
WIDTH, HEIGHT = 1024, 1536
MOST_HTML = 5_000_000  # characters

# Three protections: Splash aborts all requests, our renderer obeys the page's Content-Security-Policy, and
# strip_active_content removes the elements.
SCRIPT = """
function main(splash, args)
  splash.js_enabled = false
  splash.images_enabled = false
  pcall(function() splash:on_request(function(request) request:abort() end) end)
  splash:set_viewport_size(args.width, args.height)
  assert(splash:set_content(args.html, "text/html; charset=utf-8", "about:blank"))
  return splash:png()
end
"""
POLICY = (
    "<!DOCTYPE html><meta charset=utf-8><meta http-equiv=Content-Security-Policy "
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
)
# Elements that run scripts, load resources or lead to other pages.
ACTIVE_ELEMENTS = (
    "//script|//link|//meta|//base|//iframe|//frame|//object|//embed|//applet|//video|//audio|//noscript"
)


class ScreenshotFailed(Exception):
    """The renderer made no screenshot; the message says why."""


class Screenshotter:
    """Asks one server for screenshots, one at a time; after a failure it asks the next server."""

    def __init__(self, *servers: Server) -> None:
        self.servers = deque(servers)
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def draw(self, body: bytes, encoding: str) -> bytes:
        """Return a screenshot of the page as a PNG.

        Args:
            body: the page's HTML in ``encoding``.
        Raises:
            ScreenshotFailed: the renderer made none, or not in time.
        """
        server = self.servers[0]
        try:
            html = strip_active_content(body.decode(encoding, "replace")[:MOST_HTML])
            arguments = {
                "lua_source": SCRIPT,
                "html": html,
                "width": WIDTH,
                "height": HEIGHT,
                "timeout": SECONDS,
                "resource_timeout": 1,
            }
            request = urllib.request.Request(  # noqa: S310 - the renderer's URL, from the settings
                f"{server.url}execute",
                json.dumps(arguments).encode(),
                {"Content-Type": "application/json"},
            )
            if server.auth:
                request.add_header("Authorization", server.auth.decode())
            with self._open(request, timeout=SECONDS + 1) as answer:
                picture: bytes = answer.read()
        except (OSError, ValueError, LookupError, HTTPException) as error:
            self.servers.rotate(-1)
            raise ScreenshotFailed(f"{type(error).__name__}: {error}") from None
        if not picture.startswith(b"\x89PNG"):
            raise ScreenshotFailed("the answer is no PNG")
        return picture


def strip_active_content(html: str) -> str:
    """Return the page without scripts, resources and links to other documents."""
    page = Selector(text=html or "<html></html>", type="html")
    for found in page.xpath(ACTIVE_ELEMENTS):
        if found.root.getparent() is not None:
            found.drop()
    return POLICY + str(page.get())


def screenshotter_of(settings: BaseSettings) -> Screenshotter | None:
    """Return a screenshotter with the crawl's servers; None without a renderer, or if it runs no scripts."""
    urls = settings.get("SPLASH_URL")
    if (
        not urls
        or not settings.getbool("SPLASH_SCRIPTS", True)
        or not settings.getbool("RENDERER_ENABLED", True)
    ):
        return None
    user, password = settings.get("SPLASH_USER") or "", settings.get("SPLASH_PASS") or ""
    return Screenshotter(*servers_at(urls, basic_auth_header(user, password) if user or password else None))
