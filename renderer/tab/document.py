"""The document that a tab shows: its HTML and title, and the JavaScript that the renderer and clients run in it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from renderer.chromium.cdp import CommandFailed, Params, Session
from renderer.tab.document_html import OF_DOCUMENT, checked_html, html_expression

RETRIES, RETRY_DELAY = 3, 0.02  # seconds
# The number of times that ``html`` reads a document without a root element: Chromium shows a document before it has
# read the first bytes.
ROOT_RETRIES = 10


class ScriptFailed(Exception):
    """JavaScript threw an error; the attributes describe it."""

    def __init__(self, kind: str, message: str, text: str) -> None:
        super().__init__(text)
        self.kind, self.message, self.text = kind, message, text


class Document:
    """The document of a tab's main frame, also after the tab has replaced it by another one."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def html(self, context: int | None = None, *, shadow_roots: bool = False) -> str:
        """Return the document with its doctype, on request with its open shadow roots.

        ``context`` is the execution context of another frame; without it, the main frame's document is read.

        Raises:
            ResultTooLarge: the HTML is larger than an answer may be.
        """
        expression = html_expression(shadow_roots=shadow_roots)
        try:
            html = await self.evaluate(expression, context=context)
            for _ in range(ROOT_RETRIES):
                if html != "":
                    break
                await asyncio.sleep(RETRY_DELAY)
                html = await self.evaluate(expression, context=context)
        except ScriptFailed:
            html = False
        return checked_html(html if html is None or isinstance(html, str) else await self._outer_html())

    async def _outer_html(self) -> str:
        """Return the main document's HTML without JavaScript, for a page that has replaced the browser's functions."""
        document = await self._session.call("Runtime.evaluate", {"expression": "document"})
        objects = {"objectId": document["result"]["objectId"]}
        html: str = (await self._session.call("DOM.getOuterHTML", objects))["outerHTML"]
        return html

    async def title(self) -> str:
        """Return the document's title."""
        return str(await self.evaluate(f"(() => {{ {OF_DOCUMENT} return ofDocument('title'); }})()"))

    async def evaluate(self, expression: str, *, context: int | None = None, wait: bool = False) -> Any:
        """Return the JSON value of the renderer's own JavaScript expression; with ``wait``, wait for its promise.

        Raises:
            ScriptFailed: the expression threw an error.
        """
        parameters: Params = {"expression": expression, "returnByValue": True, "awaitPromise": wait}
        if context is not None:
            parameters["contextId"] = context
        for _ in range(RETRIES):
            try:
                answer = await self._session.call("Runtime.evaluate", parameters)
                break
            except CommandFailed:
                if context is not None:
                    raise
                await asyncio.sleep(RETRY_DELAY)  # Chromium is replacing the document
        else:
            answer = await self._session.call("Runtime.evaluate", parameters)
        raise_script_error(answer)
        return answer["result"].get("value")

    async def value_of(self, object_id: str) -> Any:
        """Return the JSON value of an object in the page; raise ScriptFailed if its conversion throws an error."""
        answer = await self._session.call(
            "Runtime.callFunctionOn",
            {
                "objectId": object_id,
                "functionDeclaration": "function() { return JSON.stringify(this); }",
                "returnByValue": True,
            },
        )
        raise_script_error(answer)
        text = answer["result"].get("value")
        return None if text is None else json.loads(text)

    async def run_script(self, source: str) -> Params:
        """Run a client's JavaScript in the page's global scope; return CDP's description of the last value.

        Raises:
            ScriptFailed: the script threw an error.
        """
        # The script runs through eval, so that a second run may declare the same names again.
        answer = await self._session.call(
            "Runtime.evaluate",
            {"expression": f"(0, eval)({json.dumps(source)})", "allowUnsafeEvalBlockedByCSP": True},
        )
        raise_script_error(answer)
        result: Params = answer["result"]
        return result


def raise_script_error(answer: Params) -> None:
    """Raise ScriptFailed if the answer of a CDP command has ``exceptionDetails``."""
    details = answer.get("exceptionDetails")
    if not details:
        return
    thrown = details.get("exception", {})
    if thrown.get("subtype") == "error":
        kind = thrown.get("className", "Error")
        text = str(thrown.get("description", "")).split("\n    at ")[0]
        message = "" if text == kind else text.removeprefix(f"{kind}: ")
        raise ScriptFailed(kind, message, text)
    value = thrown.get("value", thrown.get("unserializableValue", thrown.get("description")))
    raise ScriptFailed("<custom JS error>", _as_text(value), _as_text(value))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
