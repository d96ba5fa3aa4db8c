"""The end of a render: nothing of it may be left in the tab that the next one gets."""

from __future__ import annotations

import asyncio

from renderer.cdp import CommandFailed, TargetGone
from renderer.page_load import storage_origin
from renderer.tab import Tab

CLEANING_TIMEOUT = 3.0
# Chromium lets what pages leave behind pile up to several times this before it collects it by itself.
MAX_GARBAGE = 48 * 1024 * 1024


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
    url = tab.load.url
    stands = (
        tab.standstill.is_possible
        and not tab.drawing.is_on
        and bool(storage_origin(url))
        and not tab.load.failed_url
    )
    if stands:
        await tab.standstill.stop(url)
    else:
        tab.session.send("Page.stopLoading")
    tab.drawing.forget()
    await _empty_storage_of_tab(tab)
    if stands and await _heap_size(tab) > MAX_GARBAGE:
        stands = False
    if not stands:
        await tab.leave_page()
    is_empty = await _empty_storage_of_context(tab)
    return is_empty and (tab.standstill.is_undisturbed if stands else await _is_alone(tab))


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
        *tab.undo_overrides(),
        tab.scripts.reset(),
    )


async def _empty_storage_of_context(tab: Tab) -> bool:
    session = tab.session
    await asyncio.gather(
        session.send("Network.clearBrowserCache"),
        *(
            session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
            for origin in tab.load.origins
        ),
        tab.clear_cookies(),
    )
    # A cookie that comes after that is from something still at work that was this page's.
    return not await tab.cookies()


async def _is_alone(tab: Tab) -> bool:
    """Clear the name and the history of an empty page, which would outlive it; gives whether they are its own."""
    session = tab.session
    session.send("Page.resetNavigationHistory")
    history, _ = await asyncio.gather(
        session.send("Page.getNavigationHistory"),
        session.send("Runtime.evaluate", {"expression": "name = ''"}),
    )
    if await _heap_size(tab) > MAX_GARBAGE:
        await session.call("HeapProfiler.collectGarbage")
    # A navigation that the page had begun may have come in between.
    return [entry["url"] for entry in history["entries"]] == ["about:blank"]


async def _heap_size(tab: Tab) -> float:
    """Bytes that the tab's process has in scripts' objects and in its documents."""
    heap = await tab.session.call("Runtime.getHeapUsage")
    return float(heap["usedSize"] + heap.get("embedderHeapUsedSize", 0.0))
