"""The commands of settings: viewport, headers, what pages load, and the answer's status, type and headers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from renderer.lua.runtime import Command, LuaFailure, Results, Runtime, as_number
from renderer.network.header_text import check_header, check_header_value, check_result_header
from renderer.render.options import check_viewport
from renderer.render.screenshot import PictureTooLarge, set_viewport_full
from renderer.tab.tab import Tab
from renderer.tab.web_features import SWITCHES, WebFeatures

MAX_RESULT_HEADERS = 80  # many clients read at most 100, with those of the server

# Switches of Splash's old engine without effect in Chromium. Scripts can read back the values that they set.
_INERT = {
    "plugins_enabled": False,
    "private_mode_enabled": True,
}
_ATTRIBUTES = (
    *("images_enabled", "js_enabled", "http2_enabled", "resource_timeout", "scroll_position"),
    *("request_body_enabled", "response_body_enabled"),
)


class SettingsApi:
    """The commands of settings, and the status, type and headers of the answer."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self._values: dict[str, Any] = dict(_INERT)
        self._features = WebFeatures(tab)
        self._js_enabled = True
        self._bodies = {"request_body_enabled": False, "response_body_enabled": False}
        self.resource_timeout = 0.0
        self.content_type: str | None = None
        self.status_code = 200
        self.headers: dict[str, str] = {}

    def add_to(self, runtime: Runtime) -> None:
        for function in (
            self.set_viewport_size,
            self.set_viewport_full,
            self.get_viewport_size,
            self.set_user_agent,
            self.set_result_content_type,
            self.set_result_status_code,
            self.set_result_header,
        ):
            runtime.add(Command(function.__name__, function))
            runtime.host.call(b"add_method", function.__name__.encode())
        runtime.add(Command("set_custom_headers", self.set_custom_headers, takes_table=True))
        runtime.host.call(b"add_method", b"set_custom_headers")
        runtime.add(Command("attribute.get", self.get_attribute))
        runtime.add(Command("attribute.set", self.set_attribute))
        for name in (*_INERT, *SWITCHES, *_ATTRIBUTES):
            runtime.host.call(b"add_attribute", name.encode())

    # -- attributes

    async def get_attribute(self, name: str) -> Any:
        match name:
            case "images_enabled":
                return self._tab.interception.rules.images
            case "js_enabled":
                return self._js_enabled
            case "http2_enabled":
                return self._tab.interception.http2
            case "resource_timeout":
                return self.resource_timeout
            case "request_body_enabled" | "response_body_enabled":
                return self._bodies[name]
            case "scroll_position":
                x, y = await self._tab.document.evaluate("[scrollX, scrollY]")
                return {"x": x, "y": y}
        return self._features.is_on(name) if name in SWITCHES else self._values[name]

    async def set_attribute(self, name: str, value: Any = None) -> None:
        match name:
            case "images_enabled":
                if value is not None:
                    await self._tab.interception.set_images(_is_on(value))
            case "js_enabled":
                self._js_enabled = bool(value)
                await self._tab.set_scripts_enabled(self._js_enabled)
            case "http2_enabled":
                await self._tab.interception.set_http2(bool(value))
            case "resource_timeout":
                await self._set_resource_timeout(value)
            case "request_body_enabled" | "response_body_enabled":
                self._bodies[name] = bool(value)
                self._tab.network.keep_bodies(
                    requests=self._bodies["request_body_enabled"],
                    responses=self._bodies["response_body_enabled"],
                )
            case "scroll_position":
                await self._scroll(value)
            case _ if name in SWITCHES:
                await self._features.turn(name, bool(value))
            case _:
                self._values[name] = bool(value)

    async def _set_resource_timeout(self, value: Any) -> None:
        try:
            seconds = 0.0 if value is None else as_number(value)
        except ValueError as error:
            raise LuaFailure(
                "splash.resource_timeout must be a number", splash_method="resource_timeout"
            ) from error
        if seconds < 0:
            raise LuaFailure("splash.resource_timeout can't be negative", splash_method="resource_timeout")
        self.resource_timeout = seconds
        await self._tab.limit_requests(self.resource_timeout)

    async def _scroll(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise LuaFailure("scroll position must be a table with x and y")
        x, y = await self._tab.document.evaluate("[scrollX, scrollY]")
        x, y = value.get("x", value.get(1, x)), value.get("y", value.get(2, y))
        for name, number in (("x", x), ("y", y)):
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise LuaFailure(f"scroll {name} coordinate must be a number, got {number!r}")
        await self._tab.document.evaluate(f"void scrollTo({x}, {y})")

    # -- the page

    async def set_viewport_size(self, width: Any, height: Any) -> None:
        try:
            width, height = int(as_number(width)), int(as_number(height))
        except (ValueError, OverflowError) as error:
            raise LuaFailure("a number is required") from error
        try:
            check_viewport(width, height)
        except ValueError as error:
            raise LuaFailure(str(error)) from error
        await self._tab.set_viewport(width, height)

    async def set_viewport_full(self) -> Results:
        try:
            return Results(await set_viewport_full(self._tab))
        except PictureTooLarge as error:
            raise LuaFailure(str(error)) from error

    def get_viewport_size(self) -> Results:
        return Results(self._tab.viewport)

    async def set_user_agent(self, value: Any = None) -> None:
        if not isinstance(value, str):
            raise LuaFailure("splash:set_user_agent() argument must be a string", argument="value")
        _checked(check_header_value, "User-Agent", value)
        await self._tab.set_user_agent(value)

    async def set_custom_headers(self, headers: Any = None) -> None:
        await self._tab.set_headers(read_headers(headers))

    # -- the answer

    def set_result_content_type(self, content_type: Any = None) -> None:
        if not isinstance(content_type, str):
            raise LuaFailure(
                "splash:set_result_content_type() argument must be a string", argument="content_type"
            )
        if not content_type.isascii():
            raise LuaFailure(
                "splash:set_result_content_type() argument must be ascii", argument="content_type"
            )
        _checked(check_header_value, "Content-Type", content_type)
        self.content_type = content_type

    def set_result_status_code(self, code: Any = None) -> None:
        if isinstance(code, bool) or not isinstance(code, int) or not 200 <= code <= 999:
            raise LuaFailure(
                "splash:set_result_status_code() argument must be a number 200 <= code <= 999",
                argument="code",
            )
        self.status_code = code

    def set_result_header(self, name: Any = None, value: Any = None) -> None:
        if not isinstance(name, str) or not isinstance(value, str):
            raise LuaFailure("splash:set_result_header() arguments must be strings")
        _checked(check_result_header, name, value)
        if name not in self.headers and len(self.headers) >= MAX_RESULT_HEADERS:
            raise LuaFailure(f"a result has at most {MAX_RESULT_HEADERS} headers")
        if name.lower() != "content-type":  # as in Splash, only set_result_content_type sets it
            self.headers[name] = value


def _checked(check: Callable[[str, str], None], name: str, value: str) -> None:
    try:
        check(name, value)
    except ValueError as error:
        raise LuaFailure(str(error)) from error


def _is_on(value: Any) -> bool:
    try:
        return as_number(value) != 0
    except ValueError:
        return bool(value)


def read_headers(headers: Any) -> dict[str, str]:
    """Return the headers of a Lua table or of a list of pairs; raise LuaFailure if they are not valid."""
    if headers is None or headers == []:
        return {}
    result: dict[str, str] = {}
    if not isinstance(headers, dict):
        raise LuaFailure("headers must be a table with strings as keys and values.")
    for name, value in headers.items():
        pair = list(value.values()) if isinstance(value, dict) and isinstance(name, int) else [name, value]
        text = [str(part) if isinstance(part, int | float) else part for part in pair[1:]]
        if len(pair) != 2 or not isinstance(pair[0], str) or not isinstance(text[0], str):
            raise LuaFailure(
                "headers must be a table with strings as keys and values."
                f"Header: `{name!r}:{value!r}` is not valid"
            )
        _checked(check_header, pair[0], text[0])
        result[pair[0]] = text[0]
    return result
