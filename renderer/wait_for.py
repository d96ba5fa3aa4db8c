"""Waiting for an element: the page itself says when it is there, so nothing polls."""

from __future__ import annotations

import asyncio
import functools
import json
import re
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from renderer.cdp import CommandFailed, Params
from renderer.tab import ScriptFailed, Tab, raise_script_error

_SCRIPT = Path(__file__).with_name("wait_for.js").read_text(encoding="utf-8")
# Seconds in which nothing of a document comes that is still being read, until it is taken as it is.
STALL = 1.0
# How long before the end of the time an element that is there counts as found all the same.
MARGIN = 0.2
PRECISION = 100  # milliseconds to which the page is told that time


class BadSelector(Exception):
    """Neither XPath nor CSS that the browser understands."""


async def wait_for(
    tab: Tab, selector: str, seconds: float, loading: Coroutine[Any, Any, None], take: str | None = None
) -> tuple[bool, Any]:
    """Whether the element came, while or after the page loads, and what this JavaScript was at that moment.

    That moment is when the element is there and the document read. To ask for it afterwards would take as long as the
    page takes to go on, with what may all be for nothing; so a page of which something is taken is stopped: what it has
    still asked for is not awaited, nor is it laid out. Errors of loading are the caller's, as always.

    Raises:
        BadSelector: the selector is none.
    """
    going = asyncio.create_task(loading)
    end = asyncio.get_running_loop().time() + seconds
    try:
        async with asyncio.timeout_at(end):
            return True, await _watch(tab, _question(selector, take), end - MARGIN, going)
    except TimeoutError:
        return False, None
    finally:
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)


def _question(selector: str, take: str | None) -> str:
    """JavaScript with a LIMIT, in milliseconds, still to be put in."""
    return _template(take).replace("SELECTOR", json.dumps(selector), 1)


@functools.lru_cache(maxsize=8)  # what is taken is of few kinds
def _template(take: str | None) -> str:
    words = {"STALL": str(1000 * STALL), "ENDS": json.dumps(take is not None), "TAKE": take or "true"}
    return re.sub("|".join(words), lambda word: words[word[0]], _SCRIPT)


async def _watch(tab: Tab, question: str, end: float, going: asyncio.Task[None]) -> Any:
    while True:
        asking = None
        if tab.load.documents:
            # Rounded, so that V8 finds the question compiled that a page before was asked.
            limit = 1000 * max(0.0, end - asyncio.get_running_loop().time())
            asking = tab.session.send(
                "Runtime.evaluate",
                {
                    "expression": question.replace("LIMIT", f"{limit // PRECISION * PRECISION:.0f}", 1),
                    "returnByValue": True,
                    "awaitPromise": True,
                },
            )
        try:
            answer = await _answer(tab, asking, going)
            if answer is not None:
                raise_script_error(answer)
                return answer["result"].get("value")
        except ScriptFailed as error:
            raise BadSelector(error.text) from error
        except CommandFailed:
            # The document was just replaced; its successor is announced or already there.
            await asyncio.sleep(0.02)


async def _answer(
    tab: Tab, asking: asyncio.Future[Params] | None, going: asyncio.Task[None]
) -> Params | None:
    """What the document says; None if it was replaced, and its successor is to be asked. Raises what loading raises."""
    documents = tab.load.documents
    while tab.load.documents == documents:
        awaited: set[asyncio.Future[Any]] = {tab.load.next_change()}
        if asking is not None:
            awaited.add(asking)
        # A page that loads need not have the element yet; one that fails to load never will.
        if not going.done():
            awaited.add(going)
        await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        if going.done():
            going.result()
        if asking is not None and asking.done():
            return asking.result()
    return None
