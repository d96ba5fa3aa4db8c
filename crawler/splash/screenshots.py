"""A picture of a kept page, drawn by the crawl's renderer from its HTML alone: no script runs, no site is asked."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections import deque
from http.client import HTTPException

from parsel import Selector
from scrapy.settings import BaseSettings
from w3lib.http import basic_auth_header

from crawler.splash.servers import Server, servers_at

SECONDS = 10.0  # that a drawing may take
WIDTH, HEIGHT = 1024, 1536
MOST_HTML = 5_000_000  # characters

# Splash can refuse requests, our renderer heeds the page's policy; together with what is cut out, three locks.
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
# What runs, what fetches, and what leads away.
CUT = "//script|//link|//meta|//base|//iframe|//frame|//object|//embed|//applet|//video|//audio|//noscript"


class CannotDraw(Exception):
    """The renderer made no picture; the message says why."""


class Drawer:
    """Asks a Splash for pictures, one at a time; where there are several, the next one once one has failed."""

    def __init__(self, *servers: Server) -> None:
        self.servers = deque(servers)
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def draw(self, body: bytes, encoding: str) -> bytes:
        """The page as a PNG.

        Raises:
            CannotDraw: the renderer cannot, or did not in time.
        """
        server = self.servers[0]
        try:
            html = still(body.decode(encoding, "replace")[:MOST_HTML])
            asked = {
                "lua_source": SCRIPT,
                "html": html,
                "width": WIDTH,
                "height": HEIGHT,
                "timeout": SECONDS,
                "resource_timeout": 1,
            }
            request = urllib.request.Request(  # noqa: S310 - the renderer's URL, from the settings
                f"{server.url}execute",
                json.dumps(asked).encode(),
                {"Content-Type": "application/json"},
            )
            if server.auth:
                request.add_header("Authorization", server.auth.decode())
            with self._open(request, timeout=SECONDS + 1) as answer:
                picture: bytes = answer.read()
        except (OSError, ValueError, LookupError, HTTPException) as error:
            self.servers.rotate(-1)
            raise CannotDraw(f"{type(error).__name__}: {error}") from None
        if not picture.startswith(b"\x89PNG"):
            raise CannotDraw("what came is no PNG")
        return picture


def still(html: str) -> str:
    """The page without what runs, what fetches and what leads away."""
    page = Selector(text=html or "<html></html>", type="html")
    for found in page.xpath(CUT):
        if found.root.getparent() is not None:
            found.drop()
    return POLICY + str(page.get())


def drawer_of(settings: BaseSettings) -> Drawer | None:
    """A drawer at the crawl's renderer; None for a crawl without one, or whose renderer runs no scripts."""
    urls = settings.get("SPLASH_URL")
    if (
        not urls
        or not settings.getbool("SPLASH_SCRIPTS", True)
        or not settings.getbool("RENDERER_ENABLED", True)
    ):
        return None
    user, password = settings.get("SPLASH_USER") or "", settings.get("SPLASH_PASS") or ""
    return Drawer(*servers_at(urls, basic_auth_header(user, password) if user or password else None))
