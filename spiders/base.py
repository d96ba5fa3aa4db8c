"""What all our spiders share: rendering until something is there, scrolling, clicking through, logging in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import cache
from inspect import isasyncgen
from pathlib import Path
from typing import Any, ClassVar

import scrapy
from scrapy import Request
from scrapy.exceptions import CloseSpider
from scrapy.http import HtmlResponse, Response

from crawler.splash.render import render_request
from crawler.stopping import stop_crawl
from models import Row

LUA = Path(__file__).parent / "lua"

Callback = Callable[..., Any]


@cache
def lua_script(name: str) -> str:
    """The Lua of ``spiders/lua/<name>.lua``, with what all scripts share before it."""
    return "\n".join((LUA / f"{file}.lua").read_text("utf-8") for file in ("page", name))


class SiteSpider(scrapy.Spider):
    """A spider that keeps the table of ``model`` current; its items are dicts with the model's field names.

    Pages are rendered with :meth:`render` and its kin. A page that does not show what was waited for never reaches
    the callback: it is logged as an error, counted, and named again when the crawl ends.
    """

    model: ClassVar[type[Row] | None] = None
    schedule: ClassVar[str | None] = (
        None  # when it runs, in cron's five fields: `scrapy schedule` makes it so
    )
    wait_timeout: float = 10.0  # seconds until what is waited for counts as missing
    plain_wait: float = 2.0  # seconds after the load event, where Splash runs no scripts (SPLASH_SCRIPTS=0)

    def __init__(self, name: str | None = None, **arguments: Any) -> None:
        super().__init__(name, **arguments)
        self.arguments = {key: _kept(key, value) for key, value in arguments.items()}

    def render(
        self,
        url: str,
        callback: Callback | None = None,
        *,
        wait_for: str | None = None,
        timeout: float | None = None,
        **request: Any,
    ) -> Request:
        """The page, as soon as ``wait_for`` is on it: an XPath (beginning with ``/``, ``./`` or ``(``) or CSS.

        Without ``wait_for`` the page is taken when it has loaded. ``timeout`` is in seconds. ``request`` is what
        ``scrapy.Request`` takes, and ``images=True`` for a page that needs its pictures.
        """
        return self._render("wait_for", url, callback, wait_for, timeout, {}, **request)

    def render_scrolled(
        self,
        url: str,
        callback: Callback | None = None,
        *,
        items: str,
        end: str | None = None,
        quiet: float = 1.5,
        scroll_timeout: float = 50.0,
        wait_for: str | None = None,
        timeout: float | None = None,
        **request: Any,
    ) -> Request:
        """The page with everything that scrolling brings: until ``end`` is on it, or, where the site shows no end,
        until the number of ``items`` has not grown for ``quiet`` seconds.

        A page that still grows after ``scroll_timeout`` seconds, or never shows its ``end``, fails as one that
        never appeared: half a list must not look like a whole one.
        """
        more = {
            "scroll_items": items,
            "scroll_end": end,
            "scroll_quiet": quiet,
            "scroll_timeout": scroll_timeout,
        }
        request.setdefault("busy_seconds", scroll_timeout)
        return self._render("scroll", url, callback, wait_for or items, timeout, more, **request)

    def render_pages(
        self,
        url: str,
        callback: Callback,
        *,
        next_button: str,
        wait_for: str,
        changes: str | None = None,
        max_pages: int = 100,
        timeout: float | None = None,
        **request: Any,
    ) -> Request:
        """The pages of a list whose "next" is a button and not a link; ``callback`` is called with each of them.

        A click has worked when the text of ``changes`` (by default of ``wait_for``) is a different one. The last
        page is the one whose button is gone or disabled.
        """
        more = {"next_button": next_button, "next_changes": changes, "max_pages": max_pages}
        request.setdefault("busy_seconds", 60.0)
        request.setdefault("cb_kwargs", {})["each_page"] = callback.__name__
        return self._render("click_next", url, self.parse_pages, wait_for, timeout, more, **request)

    def log_in(
        self,
        url: str,
        callback: Callback,
        *,
        fields: dict[str, str],
        logged_in: str,
        wait_for: str = "form",
        timeout: float | None = None,
        **request: Any,
    ) -> Request:
        """Fills the form's ``fields`` (by their names) and sends it; ``callback`` gets the page that shows
        ``logged_in``. Later renders of this spider carry the session's cookies.
        """
        more = {"fields": fields, "logged_in": logged_in}
        request.setdefault("dont_filter", True)
        request["meta"] = {**request.get("meta", {}), "makes_session": True}
        return self._render("log_in", url, callback, wait_for, timeout, more, **request)

    def render_script(self, name: str) -> str:
        """The Lua of a render script; the frontier keeps its name, and what is resumed has today's text."""
        return lua_script(name)

    async def parse_pages(self, response: Response, each_page: str, **kwargs: Any) -> AsyncIterator[Any]:
        """Calls a callback for each page that ``render_pages`` collected."""
        pages = getattr(response, "data", {}).get("pages", [])
        callback: Callback = getattr(self, each_page)
        for html in pages:
            page = HtmlResponse(response.url, body=html, encoding="utf-8", request=response.request)
            async for result in _results(callback(page, **kwargs)):
                yield result

    def _render(
        self,
        script: str,
        url: str,
        callback: Callback | None,
        wait_for: str | None,
        timeout: float | None,
        script_args: dict[str, Any],
        **request: Any,
    ) -> Request:
        scripts = self.settings.getbool("SPLASH_SCRIPTS", True)
        if not scripts and script != "wait_for":
            why = f"{url} needs a render script ({script}): set SPLASH_SCRIPTS=1 and start Splash without --disable-lua"
            stop_crawl(self.crawler, "scripts_needed", why)
            raise CloseSpider("scripts_needed")
        return render_request(
            url,
            script=lua_script(script) if scripts else None,
            script_name=script if scripts else None,
            wait_for=wait_for,
            wait_timeout=self.wait_timeout if timeout is None else timeout,
            plain_wait=self.plain_wait,
            script_args=script_args,
            callback=callback,
            **request,
        )


async def _results(output: Any) -> AsyncIterator[Any]:
    """What a callback gives, whichever kind it is."""
    if isasyncgen(output):
        async for result in output:
            yield result
    elif output is not None:
        iterator: Iterator[Any] = iter(output)
        for result in iterator:
            yield result


SECRET_WORDS = ("password", "passwd", "secret", "token", "key")


def _kept(name: str, value: Any) -> Any:
    """A spider argument as the run's record keeps it."""
    return "***" if any(word in name.lower() for word in SECRET_WORDS) else value
