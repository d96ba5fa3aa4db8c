"""Values of the page's JavaScript, in the form that scripts get; elements can go back to the page as arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from renderer.chromium.cdp import CommandFailed, Params
from renderer.lua.lua_values import Element, Function
from renderer.lua.runtime import LuaFailure
from renderer.tab.document import ScriptFailed, raise_script_error
from renderer.tab.tab import Tab

_CONVERT = (Path(__file__).parent / "page_values.js").read_text(encoding="utf-8")
_CONVERT = _CONVERT[_CONVERT.index("\nfunction") + 1 :]
_NODES = "\0nodes"  # page_values.js returns it for a list of nodes
# As in Splash: Lua and Splash's answers have infinity, though strict JSON has not; NaN becomes nil.
_NUMBERS = {"NaN": None, "Infinity": float("inf"), "-Infinity": float("-inf")}


async def evaluate(tab: Tab, source: str) -> Any:
    """Return the value of an expression or a script; raise LuaFailure if it throws."""
    try:
        return await read(tab, await tab.document.run_script(source))
    except ScriptFailed as error:
        raise js_failure(error) from error


async def call(tab: Tab, target: Element | None, function: str, arguments: Sequence[Any]) -> Any:
    """Call a JavaScript function with values and elements; return its value.

    ``this`` is the target, or the page's global object.

    Raises:
        LuaFailure: the function throws, an argument is a Lua function, or the element is gone.
    """
    _refuse_functions(arguments)
    if target is None and not any(isinstance(argument, Element) for argument in arguments):
        return await _call_globally(tab, function, arguments)
    parameters: Params = {
        "functionDeclaration": function,
        "arguments": [_argument(argument) for argument in arguments],
    }
    try:
        if target is not None:
            parameters["objectId"] = target.object_id
        else:
            parameters["objectId"] = (await tab.document.run_script("globalThis"))["objectId"]
        answer = await tab.session.call("Runtime.callFunctionOn", parameters)
        raise_script_error(answer)
        return await read(tab, answer["result"])
    except ScriptFailed as error:
        raise js_failure(error) from error
    except CommandFailed as error:
        raise LuaFailure("Element no longer exists in DOM") from error


NAVIGATIONS = 5  # so many documents may replace each other during one call


async def _call_globally(tab: Tab, function: str, arguments: Sequence[Any]) -> Any:
    """Call the function in one step, in the current document: a script may call it while the page navigates."""
    values = ", ".join(json.dumps(value) for value in arguments)
    for remaining in reversed(range(NAVIGATIONS)):
        try:
            return await read(tab, await tab.document.run_script(f"({function})({values})"))
        except ScriptFailed as error:
            raise js_failure(error) from error
        except CommandFailed as error:
            if not remaining:
                raise LuaFailure("the page navigated while its JavaScript was called") from error
    raise AssertionError("unreachable")


def _refuse_functions(value: Any) -> None:
    if isinstance(value, Function):
        raise LuaFailure("Lua function objects are not allowed.")
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            _refuse_functions(item)


def _argument(value: Any) -> Params:
    if isinstance(value, Element):
        return {"objectId": value.object_id}
    return {"value": value}


async def read(tab: Tab, result: Params) -> Any:
    """Return the value of an object that CDP describes."""
    kind, subtype = result.get("type"), result.get("subtype")
    if kind in ("undefined", "function", "symbol"):
        return None
    if subtype == "null":
        return ""
    if "objectId" not in result:
        if "unserializableValue" in result:
            return _number(result["unserializableValue"])
        return result.get("value")
    if subtype == "node" and result.get("className") not in ("HTMLDocument", "Document", "XMLDocument"):
        return Element(result["objectId"])
    answer = await _convert(tab, result["objectId"], wants_nodes=False)
    value = answer["result"].get("value")
    if value == _NODES:
        return await _nodes(tab, result["objectId"])
    return _restore(value)


async def _convert(tab: Tab, object_id: str, *, wants_nodes: bool) -> Params:
    answer = await tab.session.call(
        "Runtime.callFunctionOn",
        {
            "objectId": object_id,
            "functionDeclaration": _CONVERT,
            "arguments": [{"value": wants_nodes}],
            # Not with the page's JSON: old libraries replace it.
            "returnByValue": not wants_nodes,
        },
    )
    raise_script_error(answer)
    return answer


async def _nodes(tab: Tab, object_id: str) -> list[Element]:
    answer = await _convert(tab, object_id, wants_nodes=True)
    properties = await tab.session.call(
        "Runtime.getProperties", {"objectId": answer["result"]["objectId"], "ownProperties": True}
    )
    return [Element(item["value"]["objectId"]) for item in properties["result"] if item["name"].isdigit()]


def _restore(value: Any) -> Any:
    if isinstance(value, list):
        return [_restore(item) for item in value]
    if isinstance(value, dict):
        if "\0number" in value:
            return _number(value["\0number"])
        return {key: _restore(item) for key, item in value.items()}
    return value


def _number(text: str) -> float | None:
    return _NUMBERS[text] if text in _NUMBERS else float(text.rstrip("n"))


def js_failure(error: ScriptFailed) -> LuaFailure:
    """Return Splash's error for JavaScript that threw."""
    return LuaFailure(
        f"JS error: {error.text!r}",
        type="JS_ERROR",
        js_error_type=error.kind,
        js_error_message=error.message,
        js_error=error.text,
    )
