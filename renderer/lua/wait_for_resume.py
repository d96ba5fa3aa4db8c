"""``splash:wait_for_resume``: a script of the page that says itself when it is done."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from renderer.cdp import CommandFailed
from renderer.lua import page_values
from renderer.lua.runtime import LuaFailure, Results
from renderer.tab import ScriptFailed, Tab, raise_script_error

_TIMED_OUT = "One shot callback timed out while waiting for resume() or error()."
_NAVIGATED = "Page was refreshed or its context was destroyed while waiting for resume() or error()."


# The page's main(splash) gets an object that ends the waiting; what it set goes back with the value.
_RESUME = """new Promise((resolve, reject) => {
  const extra = {};
  let over = false;
  const once = action => value => { if (!over) { over = true; action(value); } };
  const splash = {
    resume: once(value => resolve({value, ...extra})),
    error: once(message => resolve({'\\u0000error': String(message)})),
    set: (key, value) => { extra[key] = value; },
  };
  const main = (0, eval)('(function () {' + %s + '\\n; return typeof main === "function" ? main : null; })')();
  if (main === null) { reject('wait_for_resume(): no main() function defined'); return; }
  main(splash);
})"""


async def wait(tab: Tab, source: str, seconds: Any) -> Any:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
        raise LuaFailure("splash:wait_for_resume timeout must be a number >= 0", argument="timeout")
    tab.drawing.start()
    try:
        async with asyncio.timeout(seconds or None):
            answer = await tab.session.call(
                "Runtime.evaluate",
                {
                    "expression": _RESUME % json.dumps(source),
                    "awaitPromise": True,
                    "allowUnsafeEvalBlockedByCSP": True,
                },
            )
        raise_script_error(answer)
        value = await page_values.read(tab, answer["result"])
    except TimeoutError:
        return Results((None, f"JavaScript error: {_TIMED_OUT}"))
    except CommandFailed:
        return Results((None, f"JavaScript error: {_NAVIGATED}"))
    except ScriptFailed as error:
        raise LuaFailure(f"JavaScript error: {error.text}", type="LUA_ERROR") from error
    if isinstance(value, dict) and "\0error" in value:
        return Results((None, f"JavaScript error: {value[chr(0) + 'error']}"))
    return value
