"""The wait for an element: a promise in the page resolves when the element is there, so nothing polls."""

from __future__ import annotations

import asyncio
import functools
import json
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renderer.chromium.cdp import CommandFailed, Params
from renderer.tab.document import ScriptFailed, raise_script_error
from renderer.tab.document_html import OF_DOCUMENT
from renderer.tab.tab import Tab

_SCRIPT = (
    Path(__file__).with_name("wait_for.js").read_text(encoding="utf-8").replace("OF_DOCUMENT", OF_DOCUMENT, 1)
)
# If nothing more of an unfinished document comes for so many seconds, the renderer takes it unfinished.
STALL = 1.0
# So many seconds before the time is over, an element counts as found even if its document is unfinished.
MARGIN = 0.2
PRECISION = 100  # the time that the page gets is a multiple of so many milliseconds


@dataclass(frozen=True, kw_only=True)
class Found:
    """An element that came, and the value of ``take`` at that time.

    ``is_complete`` is False if the document did not end and nothing more of it came for ``STALL`` seconds.
    """

    taken: Any
    is_complete: bool


class BadSelector(Exception):
    """The browser does not accept the selector as XPath or CSS."""


async def wait_for(
    tab: Tab,
    selector: str,
    seconds: float,
    loading: Coroutine[Any, Any, None],
    take: str | None = None,
    *,
    stops: bool = True,
    shadow_roots: bool = False,
    ends_without: Callable[[], bool] = lambda: False,
) -> Found | None:
    """Wait, while and after the page loads, until the element is there and the document is read; return None if not.

    ``take`` is JavaScript, which may use the definitions of ``OF_DOCUMENT``; the page evaluates it at that time. A
    later question would wait for the page, which may be busy with work that the result does not need. So with ``take``
    the page stops, unless ``stops`` is False: the renderer does not wait for its other requests, and Chromium does not
    lay it out. With ``shadow_roots`` the selector matches the HTML that ``html_expression(shadow_roots=True)`` returns.
    ``loading`` loads the page; its errors go to the caller. When it has ended, ``ends_without`` says whether the wait
    ends too, because the element will not come.

    Raises:
        BadSelector: the browser does not accept the selector.
        ScriptFailed: the page has replaced functions that the wait calls.
    """
    load_task = asyncio.create_task(loading)
    load_task.add_done_callback(tab.load.wake)
    end = asyncio.get_running_loop().time() + seconds
    try:
        async with asyncio.timeout_at(end):
            question = _question(selector, take, stops=stops, shadow_roots=shadow_roots)
            answer = await _watch(tab, question, end - MARGIN, load_task, ends_without)
    except TimeoutError:
        answer = None
    finally:
        load_task.cancel()
        await asyncio.gather(load_task, return_exceptions=True)
    await tab.thaw_document()  # the element may come before ``loading`` has done that
    return None if answer is None else Found(taken=answer[0], is_complete=answer[1])


def _question(selector: str, take: str | None, *, stops: bool, shadow_roots: bool) -> str:
    """Return the JavaScript of the wait; its LIMIT, in milliseconds, is still to be replaced."""
    return _script_of(take, stops, shadow_roots).replace("SELECTOR", json.dumps(selector), 1)


@functools.lru_cache(maxsize=8)  # the renderer takes few kinds of values
def _script_of(take: str | None, stops: bool, shadow_roots: bool) -> str:
    words = {
        "STALL": str(1000 * STALL),
        "ENDS": json.dumps(stops and take is not None),
        "SHADOWS": json.dumps(shadow_roots),
        "TAKE": take or "true",
    }
    return re.sub("|".join(words), lambda word: words[word[0]], _SCRIPT)


async def _watch(
    tab: Tab, question: str, end: float, load_task: asyncio.Task[None], ends_without: Callable[[], bool]
) -> Any:
    """Return the answer to the question; None if the page has loaded without it and the wait ends then."""
    while True:
        answer_future = None
        if tab.load.documents and tab.load.failed_url is None:  # no element of Chromium's error page counts
            # Rounded, so that V8 reuses the compiled question of an earlier page.
            limit = 1000 * max(0.0, end - asyncio.get_running_loop().time())
            answer_future = tab.session.send(
                "Runtime.evaluate",
                {
                    "expression": question.replace("LIMIT", f"{limit // PRECISION * PRECISION:.0f}", 1),
                    "returnByValue": True,
                    "awaitPromise": True,
                },
            )
        try:
            answer = await _answer(tab, answer_future, load_task, ends_without)
            if answer is None and load_task.done() and ends_without():
                return None
            if answer is not None:
                raise_script_error(answer)
                return answer["result"].get("value")
        except ScriptFailed as error:
            if "Failed to execute" not in error.text:
                raise  # not Chromium's error about the selector: the page replaced a function
            raise BadSelector(error.text) from error
        except CommandFailed:
            # The document was replaced; the next one is announced or already there.
            await asyncio.sleep(0.02)


async def _answer(
    tab: Tab,
    answer_future: asyncio.Future[Params] | None,
    load_task: asyncio.Task[None],
    ends_without: Callable[[], bool],
) -> Params | None:
    """Return the document's answer; None if another document replaced it, or if the wait ends without an answer.

    Raises the errors of ``load_task``.
    """
    documents = tab.load.documents
    # The answer and the end of ``load_task`` wake the loop too: asyncio.wait needs three times as many calls.
    if answer_future is not None:
        answer_future.add_done_callback(tab.load.wake)
    while tab.load.documents == documents:
        await tab.load.changed()
        if load_task.done():
            # A page that loads may not have the element yet; a page that failed never gets it.
            load_task.result()
            await tab.check_loaded()
        if answer_future is not None and answer_future.done() and tab.load.failed_url is None:
            return answer_future.result()
        if load_task.done() and ends_without():
            return None
    return None
