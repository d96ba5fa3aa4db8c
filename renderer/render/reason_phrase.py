"""The reason phrase of a page whose server writes it in another encoding than UTF-8: Chromium's events lack it."""

from __future__ import annotations

import asyncio
import contextlib
import json

from renderer.chromium.cdp import CommandFailed
from renderer.network.exchanges import Exchange
from renderer.tab.document import ScriptFailed
from renderer.tab.tab import Tab

CACHE_TIMEOUT = 1.0  # seconds

# JavaScript reads the phrase as Latin-1, as Splash does. The response comes from Chromium's cache; nothing is sent.
_CACHED_RESPONSE = (
    "fetch(%s, {cache: 'only-if-cached', mode: 'same-origin'})"
    ".then(response => [response.status, response.statusText], () => null)"
)


def lacks_phrase(exchange: Exchange) -> bool:
    """Return whether Chromium reported the status line of a response without its reason phrase.

    Chromium leaves out bytes that are not UTF-8, and with them mostly the end of the line; so the next header seems to
    be the phrase.
    """
    if exchange.response is None or exchange.request["method"] != "GET":
        return False
    phrase = exchange.status_line.split(" ", 2)[2:]
    return bool(phrase) and phrase != [exchange.response["statusText"]]


async def restore_phrase(tab: Tab) -> None:
    """Complete the record of the page by its reason phrase, if Chromium has not reported it; this ends the recording.

    The phrase stays as it is if the page is not in Chromium's cache, or if its Content-Security-Policy forbids it.
    """
    documents = tab.network.main_documents()
    if not documents or not lacks_phrase(documents[-1]):
        return
    page = documents[-1]
    assert page.response is not None
    # The archive has no request of the renderer, and the renderer sends none in the place of Chromium.
    tab.network.turn_off()
    tab.interception.own = None
    expression = _CACHED_RESPONSE % json.dumps(page.request["url"])
    cached = None
    with contextlib.suppress(CommandFailed, ScriptFailed, TimeoutError):
        async with asyncio.timeout(CACHE_TIMEOUT):
            # The page may have a fetch of its own.
            world = await tab.session.call("Page.createIsolatedWorld", {"frameId": tab.target_id})
            context = world["executionContextId"]
            cached = await tab.document.evaluate(expression, context=context, wait=True)
    if cached and cached[0] == page.response["status"]:
        page.response["statusText"] = cached[1]
