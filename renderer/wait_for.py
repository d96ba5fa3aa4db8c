"""Waiting for an element: the page itself says when it is there, so nothing polls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from typing import Any

from renderer.cdp import CommandFailed
from renderer.tab import ScriptFailed, Tab

# Resolves as soon as the selector matches, to what is to be taken then. A document that is replaced meanwhile loses its
# promise, and then the question is put to the new one.
_WATCH = """new Promise(resolve => {
  const selector = SELECTOR, take = () => TAKE;
  const find = () => /^[(]|^\\.?\\//.test(selector)
    ? document.evaluate(selector, document, null, XPathResult.ANY_UNORDERED_NODE_TYPE, null).singleNodeValue
    : document.querySelector(selector);
  if (find()) { resolve(take()); return; }
  const observer = new MutationObserver(() => { if (find()) { observer.disconnect(); resolve(take()); } });
  observer.observe(document, {childList: true, subtree: true, attributes: true, characterData: true});
})"""


class BadSelector(Exception):
    """Neither XPath nor CSS that the browser understands."""


async def wait_for(
    tab: Tab, selector: str, seconds: float, loading: Awaitable[None], expression: str = "true"
) -> tuple[bool, Any]:
    """Whether the element came, while or after the page loads, and what this JavaScript was at that moment.

    To ask for it afterwards would take as long as the page takes to go on, with what may all be for nothing. Errors of
    loading are the caller's, as always.

    Raises:
        BadSelector: the selector is none.
    """
    going = asyncio.ensure_future(loading)
    watching = asyncio.ensure_future(_watch(tab, selector, expression))
    try:
        async with asyncio.timeout(seconds):
            # A page that loads need not have the element yet; one that fails to load never will.
            await asyncio.wait({going, watching}, return_when=asyncio.FIRST_COMPLETED)
            if going.done():
                await going
            return True, await watching
    except TimeoutError:
        return False, None
    finally:
        going.cancel()
        watching.cancel()
        await asyncio.gather(going, watching, return_exceptions=True)


async def _watch(tab: Tab, selector: str, expression: str) -> Any:
    question = _WATCH.replace("SELECTOR", json.dumps(selector)).replace("TAKE", expression)
    while True:
        documents = tab.load.documents
        if documents == 0:
            await tab.load.changed()
            continue
        asking = asyncio.ensure_future(tab.evaluate(question, wait=True))
        changing = asyncio.ensure_future(tab.load.changed())
        try:
            await asyncio.wait({asking, changing}, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
        except ScriptFailed as error:
            raise BadSelector(error.text) from error
        except CommandFailed:
            # The document was just replaced; its successor is announced or already there.
            await asyncio.sleep(0.02)
        finally:
            asking.cancel()
            changing.cancel()
