"""The cleaning of a tab after a render: the next render in the tab finds nothing of this one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from renderer.chromium.cdp import CommandFailed, Params, TargetGone, answers
from renderer.network.load_state import storage_origin
from renderer.tab.tab import Tab

CLEANING_TIMEOUT = 3.0  # seconds
# Bytes. Above this, the cleaning makes Chromium collect garbage. A collection costs as much as a light page, and it
# discards the scripts that V8 has compiled.
MAX_GARBAGE = 48 * 1024 * 1024
# While pages replace frozen pages directly, the cleaning checks the size once in this many renders.
RENDERS_PER_CHECK = 4


async def clean(tab: Tab) -> bool:
    """Remove everything of this render from the tab; return False if the pool must close the tab."""
    tab.renders += 1
    tab.forget()
    if tab.must_discard or tab.session.is_gone or tab.load.departed_origins:
        return False
    try:
        async with asyncio.timeout(CLEANING_TIMEOUT):
            if not await _clean(tab):
                return False
    except (TimeoutError, CommandFailed, TargetGone):
        return False
    tab.load.forget()
    tab.frozen_page.forget()
    return True


async def _clean(tab: Tab) -> bool:
    """Return whether the tab is clean."""
    may_freeze = _may_freeze(tab)
    tab.drawing.forget()  # first: Chromium freezes only a tab that it does not draw
    if may_freeze:
        await tab.frozen_page.freeze(tab.load.url)
        await tab.frozen_page.clear_history()
        tab.drawing.forget()  # again: the page may have asked for frames meanwhile
        is_check_due = tab.renders % RENDERS_PER_CHECK == 0
        size = tab.session.send("Runtime.getHeapUsage") if is_check_due else None
        await asyncio.gather(*_undo(tab))
        cookies, _ = await answers(tab.ask_cookies(), _empty_cache(tab))
        # The page's scripts have stored nothing. Cookies of its responses are in the store already.
        is_empty = not cookies["cookies"] or await _empty_network(tab)
        if size is None or _size(await size) <= MAX_GARBAGE:
            return is_empty and tab.frozen_page.is_undisturbed
    else:
        await _silence(tab)
    await _empty_storage_of_tab(tab)
    origins = set(tab.load.origins)
    await tab.leave_page()
    if tab.load.origins != origins:  # a document came late, and has used the storage of the tab
        return False
    if tab.client_hints.kept:
        await tab.empty_client_hints()
    return await _empty_storage_of_context(tab) and await _is_alone(tab)


def _is_page(tab: Tab) -> bool:
    return bool(storage_origin(tab.load.url)) and not tab.load.failed_url


def _may_freeze(tab: Tab) -> bool:
    return (
        _is_page(tab)
        and tab.frozen_page.can_freeze
        and not tab.drawing.has_mouse
        and not tab.client_hints.kept
    )


async def _silence(tab: Tab) -> None:
    """Remove the page's listeners before the tab leaves it."""
    # Cookies that a listener sets at the page's end could reach the store after the cleaning has cleared it.
    emptied = [tab.frozen_page.empty()] if _is_page(tab) else []
    await answers(*emptied, tab.session.send("Page.stopLoading"))


def _undo(tab: Tab) -> list[Awaitable[object]]:
    return [*tab.undo_overrides(), *tab.scripts.reset()]


async def _empty_storage_of_tab(tab: Tab) -> None:
    session = tab.session
    origins = set(tab.load.frames.values()) - {""}
    await asyncio.gather(
        # Session storage belongs to the tab, not to the context. Chromium clears it only while its page is shown.
        *(
            session.send(
                "DOMStorage.clear", {"storageId": {"storageKey": f"{origin}/", "isLocalStorage": False}}
            )
            for origin in origins
        ),
        # A read of the cookies returns when the cookies that the page has set are in the store, and can be cleared.
        session.send("Runtime.evaluate", {"expression": "document.cookie", "silent": True}),
        *_undo(tab),
    )


async def _empty_storage_of_context(tab: Tab) -> bool:
    await asyncio.gather(
        *(
            tab.session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
            for origin in tab.load.origins
        )
    )
    return await _empty_network(tab)


async def _empty_network(tab: Tab) -> bool:
    # Cookies that a page has set at its end may be on their way. So the stores are cleared even if they look empty.
    _, _, cookies = await answers(_empty_cache(tab), tab.clear_cookies(), tab.ask_cookies())
    # A cookie that comes after that is from something of this page that still runs.
    return not cookies["cookies"]


def _empty_cache(tab: Tab) -> asyncio.Future[Params]:
    return tab.session.send("Network.clearBrowserCache")


async def _is_alone(tab: Tab) -> bool:
    """Clear the name of the window and the history; return whether the empty page is the tab's only page."""
    session = tab.session
    session.send("Page.resetNavigationHistory")
    history, _ = await answers(
        session.send("Page.getNavigationHistory"),
        session.send("Runtime.evaluate", {"expression": "name = ''"}),
    )
    await _collect_garbage(tab)
    cookies = await tab.cookies()  # cookies that came late
    # A navigation that the page had started may have completed in between.
    return [entry["url"] for entry in history["entries"]] == ["about:blank"] and not cookies


async def _collect_garbage(tab: Tab) -> None:
    """Make Chromium collect garbage, if the tab has more than ``MAX_GARBAGE``."""
    if _size(await tab.session.call("Runtime.getHeapUsage")) > MAX_GARBAGE:
        await tab.session.call("HeapProfiler.collectGarbage")


def _size(heap: Params) -> float:
    """Return the bytes that the tab's process uses for objects of scripts and for documents."""
    return float(heap["usedSize"] + heap.get("embedderHeapUsedSize", 0.0))
