"""JavaScript, content, pictures and input: what a script does with the page it is on."""

from __future__ import annotations

import json
from typing import Any

from renderer import keyboard, mouse, screenshot
from renderer.cdp import CommandFailed
from renderer.lua import page_values, resume
from renderer.lua.conversion import Binary, Element
from renderer.lua.runtime import Command, LuaFailure, Results, Runtime
from renderer.options import MAX_HEIGHT, MAX_WIDTH, ImageOptions
from renderer.tab import ScriptFailed, Tab


class PageApi:
    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self._functions: list[str] = []

    def add_to(self, runtime: Runtime) -> None:
        for function in (
            self.evaljs,
            self.runjs,
            self.wait_for_resume,
            self.autoload,
            self.autoload_reset,
            self.html,
            self.png,
            self.jpeg,
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
            runtime.host[b"add_method"](function.__name__.encode())
        runtime.add(Command("jsfunc", self.jsfunc))
        runtime.add(Command("call_jsfunc", self.call_jsfunc))
        self._scripts: list[str] = []

    # -- JavaScript

    async def evaljs(self, snippet: str) -> Any:
        return await page_values.evaluate(self._tab, snippet)

    async def runjs(self, snippet: str) -> Any:
        try:
            await self._tab.run_script(snippet)
        except ScriptFailed as error:
            return Results((None, page_values.js_failure(error).message))
        return True

    def jsfunc(self, func: str) -> int:
        self._functions.append(func)
        return len(self._functions) - 1

    async def call_jsfunc(self, number: int, *arguments: Any) -> Any:
        # Compiled here rather than by CDP, so that a wrong source is the page's error.
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
        return await resume.wait(self._tab, snippet, timeout)

    async def autoload(
        self, source_or_url: str | None = None, source: str | None = None, url: str | None = None
    ) -> bool:
        given = [value for value in (source_or_url, source, url) if value is not None]
        if len(given) != 1:
            raise LuaFailure("splash:autoload requires a single argument")
        if given[0].strip().startswith(("http://", "https://")) and source is None:
            raise LuaFailure("splash:autoload of a URL is not supported by this renderer yet")
        self._scripts.append(await self._tab.run_before_scripts(given[0]))
        return True

    async def autoload_reset(self) -> None:
        for identifier in self._scripts:
            await self._tab.session.call(
                "Page.removeScriptToEvaluateOnNewDocument", {"identifier": identifier}
            )
        self._scripts.clear()

    # -- content

    async def html(self) -> str:
        return await self._tab.html()

    async def png(
        self,
        width: Any = None,
        height: Any = None,
        render_all: bool = False,
        scale_method: str | None = None,
        region: Any = None,
    ) -> Binary:
        options = _image_options(width, height, scale_method, None)
        data = await self._picture("png", options, render_all, region)
        return Binary(data, "image/png")

    async def jpeg(
        self,
        width: Any = None,
        height: Any = None,
        render_all: bool = False,
        scale_method: str | None = None,
        quality: Any = None,
        region: Any = None,
    ) -> Binary:
        options = _image_options(width, height, scale_method, quality)
        data = await self._picture("jpeg", options, render_all, region)
        return Binary(data, "image/jpeg")

    async def _picture(self, kind: str, options: ImageOptions, render_all: bool, region: Any) -> bytes:
        try:
            return await screenshot.take(
                self._tab, kind, options, render_all=bool(render_all), region=_region(region)
            )
        except (CommandFailed, screenshot.PictureTooLarge) as error:
            raise LuaFailure(f"the picture could not be taken: {error}") from error

    # -- elements and input

    async def select(self, selector: str) -> Element | None:
        source = f"document.querySelector({json.dumps(selector)})"
        return await self._selected(source, "cannot select the specified element") or None

    async def select_all(self, selector: str) -> Any:
        source = f"Array.from(document.querySelectorAll({json.dumps(selector)}))"
        return await self._selected(source, "cannot select the specified elements")

    async def _selected(self, source: str, complaint: str) -> Any:
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

    async def send_text(self, text: str) -> None:
        await keyboard.send_text(self._tab, text)

    async def send_keys(self, text: str) -> None:
        try:
            await keyboard.send_keys(self._tab, text)
        except keyboard.UnknownKey as error:
            raise LuaFailure(f"Unknown key: {error}") from error


def _point(x: Any, y: Any) -> tuple[float, float]:
    for name, value in (("x", x), ("y", y)):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise LuaFailure(f"splash mouse event {name} coordinate must be a number ", argument=name)
    return float(x), float(y)


def _image_options(width: Any, height: Any, scale_method: Any, quality: Any) -> ImageOptions:
    for name, value, low, high in (
        ("width", width, 1, MAX_WIDTH),
        ("height", height, 1, MAX_HEIGHT),
        ("quality", quality, 0, 100),
    ):
        if value is not None and (not isinstance(value, int | float) or not low <= value <= high):
            raise LuaFailure(f"{name} must be a number between {low} and {high}", argument=name)
    if scale_method not in (None, "raster", "vector"):
        raise LuaFailure(f"Invalid 'scale_method': {scale_method}", argument="scale_method")
    return ImageOptions(
        width=None if width is None else int(width),
        height=None if height is None else int(height),
        scale_method=scale_method or "raster",
        quality=75 if quality is None else int(quality),
    )


def _region(region: Any) -> tuple[float, float, float, float] | None:
    if region is None:
        return None
    values = list(region.values()) if isinstance(region, dict) else region
    if (
        not isinstance(values, list)
        or len(values) != 4
        or not all(isinstance(v, int | float) for v in values)
    ):
        raise LuaFailure(
            "region must be a table with four numbers: left, top, right, bottom", argument="region"
        )
    left, top, right, bottom = values
    if right <= left or bottom <= top:
        raise LuaFailure("region is empty", argument="region")
    return left, top, right, bottom
