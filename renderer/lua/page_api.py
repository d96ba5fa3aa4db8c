"""The commands of the page: JavaScript, HTML, selectors, mouse and keyboard."""

from __future__ import annotations

import json
from math import floor
from typing import Any

from renderer.lua import page_values
from renderer.lua.lua_values import Element
from renderer.lua.plain_run import PlainRun
from renderer.lua.runtime import Command, LuaFailure, Results, Runtime, text_argument
from renderer.lua.wait_for_resume import wait_for_resume
from renderer.tab import keyboard, mouse
from renderer.tab.document import ScriptFailed
from renderer.tab.tab import Tab

MAX_FUNCTIONS_SIZE = 16 * 1024 * 1024  # characters, for all jsfunc() of a script
_FUNCTION_SIZE = 1000  # counted for each function, besides its source


class PageApi:
    """The commands of the page."""

    def __init__(self, tab: Tab, plain_run: PlainRun | None = None) -> None:
        self._tab, self._plain_run = tab, plain_run
        self._functions: list[str] = []
        self._functions_size = 0

    def add_to(self, runtime: Runtime) -> None:
        for function in (
            self.evaljs,
            self.runjs,
            self.wait_for_resume,
            self.html,
            self.select,
            self.select_all,
            self.mouse_click,
            self.mouse_press,
            self.mouse_release,
            self.mouse_hover,
            self.send_text,
            self.send_keys,
        ):
            runtime.add(Command(function.__name__, function))
            runtime.host.call(b"add_method", function.__name__.encode())
        runtime.add(Command("jsfunc", self.jsfunc))
        runtime.add(Command("call_jsfunc", self.call_jsfunc))

    # -- JavaScript

    async def evaljs(self, snippet: str) -> Any:
        return await page_values.evaluate(self._tab, snippet)

    async def runjs(self, snippet: str) -> Any:
        try:
            await self._tab.document.run_script(snippet)
        except ScriptFailed as error:
            return Results((None, page_values.js_failure(error).message))
        return True

    def jsfunc(self, func: Any) -> int:
        if not isinstance(func, str):
            raise LuaFailure("splash:jsfunc() argument must be a string", argument="func")
        self._functions_size += len(func) + _FUNCTION_SIZE
        if self._functions_size > MAX_FUNCTIONS_SIZE:
            raise LuaFailure("splash:jsfunc() functions of a script are too large together", argument="func")
        self._functions.append(func)
        return len(self._functions) - 1

    async def call_jsfunc(self, number: int, *arguments: Any) -> Any:
        # The page compiles it, not CDP: so an error in the source is an error of JavaScript.
        text = json.dumps(f"({self._functions[number]})")
        source = f"function (...values) {{ return (0, eval)({text})(...values); }}"
        try:
            return await page_values.call(self._tab, None, source, arguments)
        except LuaFailure as failure:
            if "js_error" in failure.info:
                failure.message = f"error during JS function call: {failure.info['js_error']!r}"
                failure.info["message"] = failure.message
            raise

    async def wait_for_resume(self, snippet: str, timeout: float = 0) -> Any:  # noqa: ASYNC109 (Splash's name)
        return await wait_for_resume(self._tab, snippet, timeout)

    # -- content

    async def html(self, *, shadow_roots: Any = False) -> str:
        """Return the page's HTML, on request with its open shadow roots."""
        if shadow_roots:
            return await self._tab.document.html(shadow_roots=True)
        if self._plain_run is not None and (html := self._plain_run.kept_html()) is not None:
            return html
        return await self._tab.document.html()

    # -- elements and input

    async def select(self, selector: str) -> Element | None:
        source = f"document.querySelector({json.dumps(selector)})"
        return await self._evaluate_selector(source, "cannot select the specified element") or None

    async def select_all(self, selector: str) -> Any:
        source = f"document.querySelectorAll({json.dumps(selector)})"
        return await self._evaluate_selector(source, "cannot select the specified elements")

    async def _evaluate_selector(self, source: str, complaint: str) -> Any:
        try:
            return await page_values.evaluate(self._tab, source)
        except LuaFailure as failure:
            raise LuaFailure(f"{complaint} {failure.info.get('js_error', '')}") from failure

    async def mouse_click(self, x: Any, y: Any) -> None:
        await mouse.click(self._tab, *_point(x, y))

    async def mouse_press(self, x: Any, y: Any) -> None:
        await mouse.press(self._tab, *_point(x, y))

    async def mouse_release(self, x: Any, y: Any) -> None:
        await mouse.release(self._tab, *_point(x, y))

    async def mouse_hover(self, x: Any, y: Any) -> None:
        await mouse.hover(self._tab, *_point(x, y))

    async def send_text(self, text: Any) -> None:
        await keyboard.send_text(self._tab, text_argument(text))

    async def send_keys(self, text: Any) -> None:
        try:
            await keyboard.send_keys(self._tab, text_argument(text))
        except keyboard.UnknownKey as error:
            raise LuaFailure(f"Unknown key: {error}") from error


def _point(x: Any, y: Any) -> tuple[float, float]:
    for name, value in (("x", x), ("y", y)):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise LuaFailure(f"splash mouse event {name} coordinate must be a number ", argument=name)
    return floor(x + 0.5), floor(y + 0.5)  # as in Splash, to whole pixels
