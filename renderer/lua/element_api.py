"""Elements of the page in the hands of a script."""

from __future__ import annotations

from typing import Any

from renderer import keyboard, mouse
from renderer.lua import page_values
from renderer.lua.conversion import Element
from renderer.lua.runtime import Command, LuaFailure, Results, Runtime
from renderer.tab import Tab

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

MISSING = ("addEventListener", "removeEventListener", "styles", "png", "jpeg", "info", "fill", "form_values")

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
_FIELD_VALUE = """function () {
  if (this.type === 'checkbox') return this.checked ? (this.value || 'on') : null;
  if (this.type === 'radio') {
    const chosen = (this.form || document).querySelector('input[name="' + CSS.escape(this.name) + '"]:checked');
    return chosen ? chosen.value : null;
  }
  if (this.multiple) return Array.from(this.selectedOptions, option => option.value);
  return this.value;
}"""


class ElementApi:
    def __init__(self, tab: Tab) -> None:
        self._tab = tab

    def add_to(self, runtime: Runtime) -> None:
        for function in (
            self.exists,
            self.text,
            self.visible,
            self.focused,
            self.bounds,
            self.field_value,
            self.mouse_click,
            self.mouse_hover,
            self.send_text,
            self.send_keys,
            self.submit,
        ):
            runtime.add(Command(f"element.{function.__name__}", function, bound=1))
            runtime.host[b"add_element_method"](function.__name__.encode())
        runtime.add(Command("element.get", self.get_property))
        runtime.add(Command("element.set", self.set_property))
        runtime.add(Command("element.call", self.call_method))
        for name in DOM_METHODS:
            runtime.host[b"add_dom_method"](name.encode())
        for name in MISSING:
            runtime.host[b"add_missing_element_method"](name.encode())

    async def _call(self, element: Any, function: str, *arguments: Any) -> Any:
        if not isinstance(element, Element):
            raise LuaFailure("an element is expected: use element:method(), with a colon")
        return await page_values.call(self._tab, element, function, arguments)

    # -- the node as the page has it

    async def get_property(self, element: Any, name: str) -> Any:
        if name.startswith("on"):
            raise LuaFailure(f"Cannot get {name[2:]} event handler")
        return _or_nil(await self._call(element, "function (name) { return this[name]; }", name))

    async def set_property(self, element: Any, name: str, value: Any = None) -> None:
        if name.startswith("on"):
            raise LuaFailure("event handlers of elements are not supported by this renderer yet")
        await self._call(element, "function (name, value) { this[name] = value; }", name, value)

    async def call_method(self, element: Any, name: str, *arguments: Any) -> Any:
        source = "function (name, ...values) { return this[name](...values); }"
        return _or_nil(await self._call(element, source, name, *arguments))

    # -- what Splash adds

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
        return await self._call(element, "function () { return this.getBoundingClientRect().toJSON(); }")

    async def field_value(self, element: Any) -> Results:
        return Results((True, await self._call(element, _FIELD_VALUE)))

    async def mouse_click(self, element: Any, x: Any = None, y: Any = None) -> Any:
        if not await self.exists(element):
            return Results((False, "Element no longer exists in DOM"))
        await mouse.click(self._tab, *await self._place(element, x, y))
        return True

    async def mouse_hover(self, element: Any, x: Any = None, y: Any = None) -> Any:
        if not await self.exists(element):
            return Results((False, "Element no longer exists in DOM"))
        await mouse.hover(self._tab, *await self._place(element, x, y))
        return True

    async def _place(self, element: Any, x: Any, y: Any) -> tuple[float, float]:
        for name, value in (("x", x), ("y", y)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise LuaFailure(f"element:mouse_click {name} coordinate must be a number", argument=name)
        left, top, width, height = await self._call(element, _PLACE)
        return left + (width // 2 if x is None else x), top + (height // 2 if y is None else y)

    async def send_text(self, element: Any, text: str) -> bool:
        await self._focus(element)
        await keyboard.send_text(self._tab, text)
        return True

    async def send_keys(self, element: Any, text: str) -> bool:
        await self._focus(element)
        try:
            await keyboard.send_keys(self._tab, text)
        except keyboard.UnknownKey as error:
            raise LuaFailure(f"Unknown key: {error}") from error
        return True

    async def _focus(self, element: Any) -> None:
        if not await self.focused(element):
            await mouse.click(self._tab, *await self._place(element, 0, 0))

    async def submit(self, element: Any) -> Any:
        if (await self.get_property(element, "nodeName") or "").lower() != "form":
            return Results((False, "Node should be 'form'"))
        await self._call(element, "function () { HTMLFormElement.prototype.submit.call(this); }")
        return True


def _or_nil(value: Any) -> Any:
    return None if value == "" else value
