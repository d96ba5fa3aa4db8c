"""The end of a render: nothing of it may be left in the tab that the next one gets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from renderer.cdp import CommandFailed, Params, TargetGone, answers
from renderer.page_load import storage_origin
from renderer.tab import Tab

CLEANING_TIMEOUT = 3.0
# Above this, what pages have left behind is collected, whatever Chromium thinks of it. That costs what a light page
# costs, and the scripts that V8 has compiled.
MAX_GARBAGE = 48 * 1024 * 1024
# How often it is looked after that while pages follow upon each other.
RENDERS_A_LOOK = 4


async def clean(tab: Tab) -> bool:
    """Leave nothing of this render behind; False if the tab is not fit for another one."""
    tab.renders += 1
    tab.forget()
    if tab.spoiled or tab.session.is_gone or tab.load.departed_origins:
        return False
    try:
        async with asyncio.timeout(CLEANING_TIMEOUT):
            if not await _clean(tab):
                return False
    except (TimeoutError, CommandFailed, TargetGone):
        return False
    tab.load.forget()
    tab.standstill.forget()
    return True


async def _clean(tab: Tab) -> bool:
    """Gives whether the tab is as good as new."""
    if _may_stand(tab):
        await tab.standstill.stop(tab.load.url)
        tab.drawing.forget()
        looks = tab.renders % RENDERS_A_LOOK == 0
        size = tab.session.send("Runtime.getHeapUsage") if looks else None
        await asyncio.gather(*_undo(tab))
        cookies, _ = await answers(tab.ask_cookies(), _empty_cache(tab))
        # It has stored nothing by itself. Whatever its answers brought is there by now.
        is_empty = not cookies["cookies"] or await _empty_network(tab)
        if size is None or _size(await size) <= MAX_GARBAGE:
            return is_empty and tab.standstill.is_undisturbed
    else:
        tab.drawing.forget()
        await _silence(tab)
    await _empty_storage_of_tab(tab)
    await tab.leave_page()
    return await _empty_storage_of_context(tab) and await _is_alone(tab)


def _is_page(tab: Tab) -> bool:
    return bool(storage_origin(tab.load.url)) and not tab.load.failed_url


def _may_stand(tab: Tab) -> bool:
    return _is_page(tab) and tab.standstill.is_possible and not tab.drawing.is_on


async def _silence(tab: Tab) -> None:
    """Take from the page what it would do as it is left."""
    # Cookies that it sets then, and while it is left, could come only after they are cleared.
    emptied = [tab.standstill.empty()] if _is_page(tab) else []
    await answers(*emptied, tab.session.send("Page.stopLoading"))


def _undo(tab: Tab) -> list[Awaitable[object]]:
    return [*tab.undo_overrides(), *tab.scripts.reset()]


async def _empty_storage_of_tab(tab: Tab) -> None:
    session = tab.session
    origins = set(tab.load.frames.values()) - {""}
    await asyncio.gather(
        # Session storage belongs to the tab, not to the context, and can be reached only while its page is there.
        *(
            session.send(
                "DOMStorage.clear", {"storageId": {"storageKey": f"{origin}/", "isLocalStorage": False}}
            )
            for origin in origins
        ),
        # A read of cookies comes back when those that the page has set are there, and can be cleared.
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
    # What a page has stored in its last moments may be on its way still, so that nothing is taken for empty.
    _, _, cookies = await answers(_empty_cache(tab), tab.clear_cookies(), tab.ask_cookies())
    # A cookie that comes after that is from something still at work that was this page's.
    return not cookies["cookies"]


def _empty_cache(tab: Tab) -> asyncio.Future[Params]:
    return tab.session.send("Network.clearBrowserCache")


async def _is_alone(tab: Tab) -> bool:
    """Clear the name and the history of an empty page, which would outlive it; gives whether they are its own."""
    session = tab.session
    session.send("Page.resetNavigationHistory")
    history, _ = await answers(
        session.send("Page.getNavigationHistory"),
        session.send("Runtime.evaluate", {"expression": "name = ''"}),
    )
    await _collect_garbage(tab)
    cookies = await tab.cookies()  # those that took their time
    # A navigation that the page had begun may have come in between.
    return [entry["url"] for entry in history["entries"]] == ["about:blank"] and not cookies


async def _collect_garbage(tab: Tab) -> None:
    """Let go of what pages have left behind, if that is much."""
    if _size(await tab.session.call("Runtime.getHeapUsage")) > MAX_GARBAGE:
        await tab.session.call("HeapProfiler.collectGarbage")


def _size(heap: Params) -> float:
    """Bytes that the tab's process has in scripts' objects and in its documents."""
    return float(heap["usedSize"] + heap.get("embedderHeapUsedSize", 0.0))
