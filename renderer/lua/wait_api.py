"""The commands that wait for the page by events, which Splash does not have: wait_for and scroll_to_end."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from renderer.errors import PageFailed
from renderer.lua.runtime import Command, LuaFailure, Results, Runtime
from renderer.render.scroll import BadScrollSelector, Scrolling, scroll
from renderer.render.wait_for import BadSelector, wait_for
from renderer.tab.tab import Tab

SECONDS = 10.0
LAST_LOOK = 0.1  # seconds
QUIET = 1.0  # seconds
SCROLL_SECONDS = 60.0
MAX_SCREENS = 1000


class WaitApi:
    """The commands that wait for an element, and for the end of a list."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab

    def add_to(self, runtime: Runtime) -> None:
        for function in (self.wait_for, self.scroll_to_end):
            runtime.add(Command(function.__name__, function))
            runtime.host[b"add_method"](function.__name__.encode())

    async def wait_for(self, selector: Any = None, timeout: Any = SECONDS) -> Any:  # noqa: ASYNC109 - a name of the script
        """Wait until the element is there and the document is read.

        Return True; True and ``"incomplete"`` if the document did not end; None and a reason if the element did not
        come: ``"timeout"``, or the reason of ``splash:go`` for a page that failed or is an error of the site.
        """
        if not isinstance(selector, str) or not selector:
            raise LuaFailure("splash:wait_for() selector must be a string", argument="selector")
        seconds = _seconds("wait_for", "timeout", timeout)
        try:
            found = await wait_for(
                self._tab, selector, seconds, self._until_error_page(), ends_without=lambda: True
            )
            if found is None and self._is_error_page():  # it may have the element, too
                found = await wait_for(self._tab, selector, LAST_LOOK, _for_ever())
        except BadSelector as error:
            raise LuaFailure(f"Not a selector: {error}", argument="selector") from error
        except PageFailed as error:
            await self._tab.show_failure(error)
            return Results((None, error.reason))
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
