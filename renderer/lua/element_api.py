"""The commands of elements: DOM methods and properties, and the methods that Splash adds."""

from __future__ import annotations

from typing import Any

from renderer.chromium.cdp import CommandFailed
from renderer.lua import page_values
from renderer.lua.form_api import dom_error
from renderer.lua.lua_values import Element
from renderer.lua.runtime import Command, LuaFailure, Results, Runtime, text_argument
from renderer.tab import keyboard, mouse
from renderer.tab.tab import Tab

DOM_METHODS = (
    *("blur", "click", "focus", "remove", "normalize", "scrollIntoView", "scrollIntoViewIfNeeded"),
    *("getAttribute", "getAttributeNS", "hasAttribute", "hasAttributeNS", "hasAttributes"),
    *("setAttribute", "setAttributeNS", "removeAttribute", "removeAttributeNS"),
    *("getBoundingClientRect", "getClientRects", "querySelector", "querySelectorAll"),
    *("getElementsByClassName", "getElementsByTagName", "getElementsByTagNameNS"),
    *("appendChild", "insertBefore", "removeChild", "replaceChild", "cloneNode", "hasChildNodes"),
    *("compareDocumentPosition", "contains", "isEqualNode", "isSameNode"),
    *("isDefaultNamespace", "lookupPrefix", "lookupNamespaceURI"),
    *("requestFullscreen", "requestPointerLock", "setPointerCapture", "releasePointerCapture"),
)

_TEXT = "function () { return (this.textContent || this.innerText || this.value || '').trim(); }"
_VISIBLE = """function () {
  const style = getComputedStyle(this);
  if (style.visibility === 'hidden' || style.display === 'none') return false;
  return this.getClientRects().length > 0;
}"""
_PLACE = """function () {
  this.scrollIntoViewIfNeeded();
  const box = this.getBoundingClientRect();
  return [box.left, box.top, box.width, box.height];
}"""
_INFO = """function () {
  const box = this.getBoundingClientRect();
  const attributes = Object.fromEntries(Array.from(this.attributes, item => [item.name, item.value]));
  return {nodeName: this.nodeName.toLowerCase(), attributes, tag: this.outerHTML, html: this.innerHTML,
    text: (this.textContent || this.innerText || '').trim(),
    x: box.left, y: box.top, width: box.width, height: box.height};
}"""
_STYLES = """function () {
  const computed = getComputedStyle(this);
  return Object.fromEntries(Array.from(computed, name => [name, computed.getPropertyValue(name)]));
}"""
# Without today's x and y, which equal left and top.
_BOUNDS = """function () {
  const {left, top, right, bottom, width, height} = this.getBoundingClientRect();
  return {left, top, right, bottom, width, height};
}"""
_GONE = Results((False, dom_error("NOT_IN_DOM_ERROR", "Element no longer exists in DOM")))


class ElementApi:
    """The commands of elements."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab

    def add_to(self, runtime: Runtime) -> None:
        for function in (
            self.exists,
            self.text,
            self.visible,
            self.focused,
            self.bounds,
            self.mouse_click,
            self.mouse_hover,
            self.send_text,
            self.send_keys,
            self.styles,
            self.info,
        ):
            runtime.add(Command(f"element.{function.__name__}", function, bound=1))
            runtime.host.call(b"add_element_method", function.__name__.encode())
        runtime.add(Command("element.get", self.get_property))
        runtime.add(Command("element.set", self.set_property))
        runtime.add(Command("element.call", self.call_method))
        runtime.add(Command("element.get_style", self.get_style))
        runtime.add(Command("element.set_style", self.set_style))
        for name in DOM_METHODS:
            runtime.host.call(b"add_dom_method", name.encode())

    async def _call(self, element: Any, function: str, *arguments: Any) -> Any:
        if not isinstance(element, Element):
            raise LuaFailure("an element is expected: use element:method(), with a colon")
        return await page_values.call(self._tab, element, function, arguments)

    # -- properties and methods of the node

    async def get_property(self, element: Any, name: str) -> Any:
        if name.startswith("on"):
            raise LuaFailure(f"Cannot get {name[2:]} event handler")
        if name == "inner_id":
            return await self._inner_id(element)
        return _or_nil(await self._call(element, "function (name) { return this[name]; }", name))

    async def set_property(self, element: Any, name: str, value: Any = None) -> None:
        await self._call(element, "function (name, value) { this[name] = value; }", name, value)

    async def _inner_id(self, element: Any) -> str:
        try:
            node = await self._tab.session.call("DOM.describeNode", {"objectId": element.object_id})
        except CommandFailed as error:
            raise LuaFailure("Element no longer exists in DOM") from error
        return str(node["node"]["backendNodeId"])

    async def get_style(self, element: Any, name: str) -> Any:
        return _or_nil(await self._call(element, "function (name) { return this.style[name]; }", name))

    async def set_style(self, element: Any, name: str, value: Any = None) -> None:
        source = "function (name, value) { this.style[name] = value === null ? '' : value; }"
        await self._call(element, source, name, value)

    async def call_method(self, element: Any, name: str, *arguments: Any) -> Any:
        source = "function (name, ...values) { return this[name](...values); }"
        return _or_nil(await self._call(element, source, name, *arguments))

    # -- methods that Splash adds

    async def exists(self, element: Any) -> bool:
        try:
            return bool(await self._call(element, "function () { return document.contains(this); }"))
        except LuaFailure:
            return False

    async def text(self, element: Any) -> Any:
        return await self._call(element, _TEXT)

    async def visible(self, element: Any) -> bool:
        return bool(await self._call(element, _VISIBLE))

    async def focused(self, element: Any) -> bool:
        return bool(await self._call(element, "function () { return document.activeElement === this; }"))

    async def bounds(self, element: Any) -> Any:
        return await self._call(element, _BOUNDS)

    async def styles(self, element: Any) -> Any:
        return await self._call(element, _STYLES)

    async def info(self, element: Any) -> Any:
        return {**await self._call(element, _INFO), "visible": await self.visible(element)}

    async def mouse_click(self, element: Any, x: Any = None, y: Any = None) -> Any:
        if not await self.exists(element):
            return _GONE
        await mouse.click(self._tab, *await self._place(element, x, y, "mouse_click"))
        return True

    async def mouse_hover(self, element: Any, x: Any = None, y: Any = None) -> Any:
        if not await self.exists(element):
            return _GONE
        await mouse.hover(self._tab, *await self._place(element, x, y, "mouse_hover"))
        return True

    async def _place(self, element: Any, x: Any, y: Any, method: str) -> tuple[float, float]:
        for name, value in (("x", x), ("y", y)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise LuaFailure(f"element:{method} {name} coordinate must be a number", argument=name)
        left, top, width, height = await self._call(element, _PLACE)
        return left + (width // 2 if x is None else x), top + (height // 2 if y is None else y)

    async def send_text(self, element: Any, text: Any) -> Any:
        text = text_argument(text)
        if not await self.exists(element):
            return _GONE
        await self._focus(element)
        await keyboard.send_text(self._tab, text)
        return True

    async def send_keys(self, element: Any, text: Any) -> Any:
        text = text_argument(text)
        if not await self.exists(element):
            return _GONE
        await self._focus(element)
        try:
            await keyboard.send_keys(self._tab, text)
        except keyboard.UnknownKey as error:
            raise LuaFailure(f"Unknown key: {error}") from error
        return True

    async def _focus(self, element: Any) -> None:
        if not await self.focused(element):
            await mouse.click(self._tab, *await self._place(element, 0, 0, "mouse_click"))


def _or_nil(value: Any) -> Any:
    return None if value == "" else value
