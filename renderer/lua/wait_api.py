"""The commands that wait for the page, which Splash does not have: wait_for, wait_for_quiet and scroll_to_end."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from renderer.errors import PageFailed
from renderer.lua.plain_run import PlainRun
from renderer.lua.runtime import Command, LuaFailure, Results, Runtime
from renderer.render.quiet import wait_for_quiet
from renderer.render.scroll import BadScrollSelector, Scrolling, scroll
from renderer.render.wait_for import BadSelector, wait_for
from renderer.tab.document_html import checked_html, html_expression
from renderer.tab.tab import Tab

SECONDS = 10.0
LAST_LOOK = 0.1  # seconds
QUIET = 1.0  # seconds without new items
QUIET_NETWORK = 0.5  # seconds without a request in flight
SCROLL_SECONDS = 60.0
MAX_SCREENS = 1000


class WaitApi:
    """The commands that wait for an element, and for the end of a list."""

    def __init__(self, tab: Tab, plain_run: PlainRun | None = None) -> None:
        self._tab, self._plain_run = tab, plain_run

    def add_to(self, runtime: Runtime) -> None:
        for function in (self.wait_for, self.wait_for_quiet, self.scroll_to_end):
            runtime.add(Command(function.__name__, function))
            runtime.host.call(b"add_method", function.__name__.encode())

    async def wait_for(
        self,
        selector: Any = None,
        timeout: Any = SECONDS,  # noqa: ASYNC109 - a name of the script
        shadow_roots: Any = False,
    ) -> Any:
        """Wait until the element is there, on request in an open shadow root, and the document is read.

        Return True; True and ``"incomplete"`` if the document did not end; None and a reason if the element did not
        come: ``"timeout"``, or the reason of ``splash:go`` for a page that failed or is an error of the site.
        """
        if not isinstance(selector, str) or not selector:
            raise LuaFailure("splash:wait_for() selector must be a string", argument="selector")
        seconds = _seconds("wait_for", "timeout", timeout)
        try:
            return await self._wait_for(
                selector, seconds, self._until_error_page, "selector", shadow_roots=bool(shadow_roots)
            )
        except PageFailed as error:
            await self._tab.show_failure(error)
            return Results((None, error.reason))

    async def wait_for_quiet(self, seconds: Any = QUIET_NETWORK, timeout: Any = SECONDS) -> Any:  # noqa: ASYNC109 - a name of the script
        """Wait until the page has had no request in flight for so many seconds.

        Return True; or None, ``"timeout"`` and the URL of a request that was in the way.
        """
        quiet, limit = (
            _seconds("wait_for_quiet", *pair) for pair in (("seconds", seconds), ("timeout", timeout))
        )
        url = await wait_for_quiet(self._tab, quiet, limit)
        return True if url is None else Results((None, "timeout", url))

    async def load_and_wait(
        self,
        load: Callable[[], Awaitable[None]],
        selector: Any,
        timeout: Any,  # noqa: ASYNC109
    ) -> Any:
        """Load a page and wait for the element, but not for the load event; return the results of ``wait_for``.

        Raises:
            PageFailed: the page failed to load.
        """
        if not isinstance(selector, str) or not selector:
            raise LuaFailure("splash:go() wait_for must be a string", argument="wait_for")
        seconds = _seconds("go", "wait_for_timeout", timeout)

        async def loading() -> None:
            await load()
            await self._until_error_page()

        return await self._wait_for(selector, seconds, loading, "wait_for")

    async def _wait_for(
        self,
        selector: str,
        seconds: float,
        loading: Callable[[], Coroutine[Any, Any, None]],
        argument: str,
        *,
        shadow_roots: bool = False,
    ) -> Any:
        run = self._plain_run
        takes = run is not None and run.takes_html and not shadow_roots
        take = html_expression(has_readers=True) if takes else None
        stops = run is not None and run.only_reads
        try:
            found = await wait_for(
                self._tab,
                selector,
                seconds,
                loading(),
                take,
                stops=stops,
                shadow_roots=shadow_roots,
                ends_without=lambda: True,
            )
            if found is None and self._is_error_page():  # it may have the element, too
                found = await wait_for(
                    self._tab, selector, LAST_LOOK, _for_ever(), take, stops=stops, shadow_roots=shadow_roots
                )
        except BadSelector as error:
            raise LuaFailure(f"Not a selector: {error}", argument=argument) from error
        if run is not None:
            run.keep_html(checked_html(found.taken) if found and take else None)
        if found is None:
            return Results((None, f"http{self._error_status()}" if self._is_error_page() else "timeout"))
        return True if found.is_complete else Results((True, "incomplete"))

    async def _until_error_page(self) -> None:
        """Return at the load event of a page with which the site answered an error; raise the page's failure."""
        while not self._is_error_page():
            await self._tab.load.changed()
            await self._tab.check_loaded()

    def _is_error_page(self) -> bool:
        load = self._tab.load
        return load.loaded and load.documents > 0 and self._error_status() > 0

    def _error_status(self) -> int:
        if self._plain_run is not None:
            return self._plain_run.error_status
        status = self._tab.network.main_status() or 0
        return status if 400 <= status < 600 else 0

    async def scroll_to_end(
        self,
        item: Any = None,
        last: Any = None,
        quiet: Any = QUIET,
        timeout: Any = SCROLL_SECONDS,  # noqa: ASYNC109 - a name of the script
        screens: Any = MAX_SCREENS,
    ) -> dict[str, Any]:
        """Scroll a list to its end; return the number of ``steps`` and ``items``, and ``reached_end``.

        ``last`` is an element after the last item.
        """
        for name, value in (("item", item), ("last", last)):
            if value is not None and not isinstance(value, str):
                raise LuaFailure(f"splash:scroll_to_end() {name} must be a string", argument=name)
        scrolling = Scrolling(
            screens=int(min(_seconds("scroll_to_end", "screens", screens), MAX_SCREENS)),
            item=item or None,
            end=last or None,
            patience=_seconds("scroll_to_end", "quiet", quiet),
            seconds=_seconds("scroll_to_end", "timeout", timeout),
        )
        try:
            return await scroll(self._tab, scrolling)
        except BadScrollSelector as error:
            argument = {"scroll_item": "item", "scroll_end": "last"}[error.argument]
            raise LuaFailure(f"Not a selector: {error}", argument=argument) from error


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def _seconds(command: str, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise LuaFailure(f"splash:{command}() {name} must be a number >= 0", argument=name)
    return float(value)
