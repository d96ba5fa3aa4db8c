"""``splash:wait_for_resume``: run a script in the page until the script itself calls resume or error."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from renderer.chromium.cdp import CommandFailed
from renderer.lua import page_values
from renderer.lua.runtime import LuaFailure, Results
from renderer.tab.document import ScriptFailed, raise_script_error
from renderer.tab.tab import Tab

_TIMED_OUT = "One shot callback timed out while waiting for resume() or error()."
_NAVIGATED = "One shot callback canceled due to: javascript window object cleared."


# Calls the page's main(splash). ``resume`` and ``error`` end the wait; the result also has the values of ``set``.
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


async def wait_for_resume(tab: Tab, source: str, seconds: Any) -> Any:
    """Run the page's ``main`` and return its value, or the results ``nil, reason``; 0 seconds means no limit.

    Raises:
        LuaFailure: the time is not a number, or the script failed.
    """
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
