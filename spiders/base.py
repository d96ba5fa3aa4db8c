"""SiteSpider, the base class of our spiders: renders pages, scrolls, clicks through lists, logs in, runs scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from inspect import isasyncgen
from typing import Any, ClassVar

import scrapy
from scrapy import Request
from scrapy.exceptions import CloseSpider
from scrapy.http import HtmlResponse, Response

from crawler.meta_keys import MAKES_SESSION, RENDERING
from crawler.rendering.settings import rendering_of
from crawler.run.stopping import stop_crawl
from crawler.splash.page_steps import Selectors, own_arguments, step_arguments, step_seconds
from crawler.splash.render_arguments import render_request
from crawler.splash.rendered_pages import pages_of_list, picture_of
from models import Row
from models.redaction import HIDDEN, remember
from models.secret_names import is_secret
from spiders.scripts import OWN_SUFFIX, lua_script, own_script

Callback = Callable[..., Any]


class SiteSpider(scrapy.Spider):
    """A spider that keeps the table of ``model`` current. Its items are dicts whose fields are the model's columns.

    :meth:`render` and the methods like it render pages. A callback gets no page without the element of ``wait_for``:
    the request fails, and the report at the end of the crawl names it.
    """

    model: ClassVar[type[Row] | None] = None
    schedule: ClassVar[str | None] = None  # cron's five fields, for `scrapy schedule`
    # self.arguments has the spider's arguments; see crawler.spider.arguments.
    keeps_arguments: ClassVar[bool] = True
    wait_timeout: float = 10.0  # seconds until the element of wait_for counts as missing
    rendering: ClassVar[str | None] = None  # auto, always or never, for render(); None: the setting RENDERING
    plain_wait: float = 2.0  # seconds after the load event, where Splash runs no scripts (SPLASH_SCRIPTS=0)

    def __init__(self, name: str | None = None, **arguments: Any) -> None:
        super().__init__(name, **arguments)
        self.arguments = {name: HIDDEN if is_secret(name) else value for name, value in arguments.items()}

    def render(
        self,
        url: str,
        callback: Callback | None = None,
        *,
        wait_for: str | None = None,
        timeout: float | None = None,
        click: Selectors = (),
        dismiss: Selectors = (),
        quiet: float | None = None,
        shadow_roots: bool = False,
        screenshot: bool = False,
        rendering: str | None = None,
        **request: Any,
    ) -> Request:
        """Return a request for the page as soon as ``wait_for`` is on it; without ``wait_for``, when it has loaded.

        Args:
            wait_for: an XPath (it begins with ``/``, ``./`` or ``(``) or a CSS selector.
            timeout: seconds for ``wait_for`` and for each click; by default ``wait_timeout``.
            click: elements that are clicked in this order before ``wait_for`` has to be on the page.
            dismiss: elements that are clicked if they appear, as the button of a cookie banner.
            quiet: seconds; the page is read when it has had no request in flight for so long.
            shadow_roots: selectors match elements in open shadow roots, and the HTML has them as ``<template>``.
            screenshot: ``screenshot_of`` returns a picture of the page, which loads its images.
            rendering: auto, always or never (docs/rendering.md); by default ``rendering``, then the setting RENDERING.
            request: arguments of ``scrapy.Request``, and ``images=True`` for a page that needs its images.
        """
        if rendering is not None:
            request["meta"] = {**request.get("meta", {}), RENDERING.name: rendering_of(rendering)}
        waits = wait_for is not None
        steps = step_arguments(
            click=click,
            dismiss=dismiss,
            quiet=quiet,
            shadow_roots=shadow_roots,
            screenshot=screenshot,
            waits=waits,
        )
        request.setdefault("images", screenshot)
        return self._render("wait_for", url, callback, wait_for, timeout, steps, **request)

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
        click: Selectors = (),
        dismiss: Selectors = (),
        **request: Any,
    ) -> Request:
        """Return a request for the page with everything that scrolling loads, after the clicks of ``click``.

        The renderer scrolls until ``end`` is on the page; without ``end``, until the number of ``items`` has not grown
        for ``quiet`` seconds. A page that still grows after ``scroll_timeout`` seconds, or that has no ``end`` then,
        fails with NeverAppeared: a part of a list must not look like all of it.
        """
        more = {
            "scroll_items": items,
            "scroll_end": end,
            "scroll_quiet": quiet,
            "scroll_timeout": scroll_timeout,
            **step_arguments(click=click, dismiss=dismiss, waits=True),
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
        click: Selectors = (),
        dismiss: Selectors = (),
        **request: Any,
    ) -> Request:
        """Return a request for a list whose next page is behind a button; ``callback`` is called with each page.

        A click has worked when the text of ``changes`` (by default of ``wait_for``) is another one. On the last page
        the button is gone or disabled. A list whose button can still be clicked after ``max_pages`` is cut: its rows
        are stored, the verdict names it, and no row is marked as gone.
        """
        more = {"next_button": next_button, "next_changes": changes, "max_pages": max_pages}
        more |= step_arguments(click=click, dismiss=dismiss, waits=True)
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
        wait_for: str | None = None,
        submit: str | None = None,
        storage: bool = False,
        timeout: float | None = None,
        click: Selectors = (),
        dismiss: Selectors = (),
        **request: Any,
    ) -> Request:
        """Return a request that fills in a form and sends it; ``callback`` gets the page with ``logged_in``.

        Later renders of this spider have the session's cookies and, with ``storage``, what the site's pages of the same
        origin have in localStorage and sessionStorage after the login.

        Args:
            fields: the values of the form's fields, by their names or by selectors.
            logged_in: an element of the page after the login, as in ``wait_for``.
            wait_for: an element that is there with the fields; by default ``submit``, else a form.
            submit: the button, if it is not that of the fields' form.
        """
        steps = step_arguments(click=click, dismiss=dismiss, waits=True)
        more = {
            "fields": fields,
            "logged_in": logged_in,
            "submit": submit,
            "storage": int(storage) or None,
            **steps,
        }
        remember(*(value for name, value in fields.items() if is_secret(name)))
        wait_for = wait_for or submit or "form"
        request.setdefault("dont_filter", True)
        request["meta"] = {**request.get("meta", {}), MAKES_SESSION.name: True, "dont_cache": True}
        return self._render("log_in", url, callback, wait_for, timeout, more, **request)

    def render_with(
        self,
        script: str,
        url: str,
        callback: Callback | None = None,
        *,
        args: Mapping[str, Any] | None = None,
        wait_for: str | None = None,
        timeout: float | None = None,
        busy_seconds: float = 30.0,
        **request: Any,
    ) -> Request:
        """Return a request that an own render script answers: a Lua file beside the module of this spider.

        Args:
            script: the path of the file, which ends with ``.lua``, from the folder of the module.
            args: values of ``args`` in the script, which also has ``url``, ``wait_for`` and ``wait_timeout``.
            wait_for: an element that the page has to have in the end.
            busy_seconds: seconds that the script may need in addition to ``timeout``.
        """
        if not script.endswith(OWN_SUFFIX):
            raise ValueError(f"{script!r} is no render script: the name of its file ends with {OWN_SUFFIX}")
        request["busy_seconds"] = busy_seconds
        return self._render(script, url, callback, wait_for, timeout, own_arguments(args or {}), **request)

    @staticmethod
    def screenshot_of(response: Response) -> bytes | None:
        """Return the PNG of a page of ``render(screenshot=True)``; None for other pages."""
        return picture_of(response)

    def render_script(self, name: str) -> str:
        """Return the Lua of a render script. The frontier stores only the name; a resumed run uses the current text."""
        return own_script(type(self), name) if name.endswith(OWN_SUFFIX) else lua_script(name)

    async def parse_pages(self, response: Response, each_page: str, **kwargs: Any) -> AsyncIterator[Any]:
        """Call the callback of ``render_pages`` for each page of the list, and yield its results."""
        callback: Callback = getattr(self, each_page)
        for html in pages_of_list(response):
            page = HtmlResponse(
                response.url, body=html, encoding="utf-8", request=response.request, flags=response.flags
            )
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
        if not scripts and (script != "wait_for" or script_args):
            needs = ", ".join(f"{name}=" for name in script_args) if script == "wait_for" else script
            why = f"{url} needs a render script ({needs}): set SPLASH_SCRIPTS=1 and start Splash without --disable-lua"
            stop_crawl(self.crawler, "scripts_needed", why)
            raise CloseSpider("scripts_needed")
        seconds = self.wait_timeout if timeout is None else timeout
        request["busy_seconds"] = request.get("busy_seconds", 0.0) + step_seconds(script_args, seconds)
        return render_request(
            url,
            script=self.render_script(script) if scripts else None,
            script_name=script if scripts else None,
            script_is_ours=type(self).render_script is SiteSpider.render_script,
            wait_for=wait_for,
            wait_timeout=seconds,
            plain_wait=self.plain_wait,
            script_args=script_args,
            callback=callback,
            **request,
        )


async def _results(output: Any) -> AsyncIterator[Any]:
    """Yield the results of a callback of any kind."""
    if isasyncgen(output):
        async for result in output:
            yield result
    elif output is not None:
        iterator: Iterator[Any] = iter(output)
        for result in iterator:
            yield result
