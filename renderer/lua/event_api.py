"""The script's handlers of the page's events.

A handler may cancel its event, so the page must stop while Lua runs. Chromium's debugger does that: our listener is one
``debugger`` statement. While the page is paused there, the handler can use its objects.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

from renderer.chromium.cdp import CommandFailed, Params, TargetGone
from renderer.errors import SplashError
from renderer.lua.lua_values import Element, Event, Function
from renderer.lua.runtime import Command, LuaFailure, Runtime
from renderer.tab.tab import Tab

log = logging.getLogger(__name__)

LISTENER = "splashdownListener"
EVENT_METHODS = ("preventDefault", "stopPropagation", "stopImmediatePropagation")

_ADD_LISTENER = f"""function (number, name, options) {{
  const handler = number;
  const listener = function {LISTENER}(event) {{ debugger; return handler; }};
  if (options === null) this['on' + name] = listener;
  else this.addEventListener(name, listener, options);
  return [listener];
}}"""
_REMOVE_LISTENERS = """function (name, ...listeners) {
  for (const listener of listeners)
    for (const capture of [false, true]) this.removeEventListener(name, listener, capture);
}"""


class EventApi:
    """The commands of event handlers. Handlers run one after another, in the order of the page's events."""

    def __init__(self, tab: Tab, runtime: Runtime) -> None:
        self._tab, self._runtime = tab, runtime
        self._handlers: list[Any] = []
        self._listeners: dict[tuple[str, int], list[str]] = {}
        self._numbers: dict[int, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._enabled = False

    def add_to(self, runtime: Runtime) -> None:
        runtime.add(Command("element.set_event_handler", self.set_event_handler))
        runtime.add(Command("element.addEventListener", self.add_event_listener))
        runtime.add(Command("element.removeEventListener", self.remove_event_listener))
        for name in EVENT_METHODS:
            runtime.host.call(b"add_event_method", name.encode())

    # -- commands; Lua numbers its functions, because only Lua can compare them

    async def set_event_handler(self, element: Any, name: str, handler: Any = None, number: int = 0) -> None:
        _check_name("set_event_handler", name)
        if handler is None:
            await self._call(element, "function (name) { this['on' + name] = null; }", name)
            return
        _check_handler("set_event_handler", handler)
        await self._listen(element, name, handler, number, None)

    async def add_event_listener(
        self, element: Any, name: Any = None, handler: Any = None, number: int = 0, options: Any = False
    ) -> None:
        _check_name("addEventListener", name)
        _check_handler("addEventListener", handler)
        if options is not None and not isinstance(options, bool | dict):
            raise LuaFailure(
                "element:addEventListener options must be a boolean or a table", argument="options"
            )
        await self._listen(element, name, handler, number, options or False)

    async def remove_event_listener(
        self, element: Any, name: Any = None, handler: Any = None, number: int = 0
    ) -> None:
        _check_name("removeEventListener", name)
        _check_handler("removeEventListener", handler)
        listeners = self._listeners.pop((name, number), [])
        with contextlib.suppress(CommandFailed):  # the page and its listeners are gone
            await self._tab.session.call(
                "Runtime.callFunctionOn",
                {
                    "objectId": element.object_id,
                    "functionDeclaration": _REMOVE_LISTENERS,
                    "arguments": [{"value": name}, *({"objectId": listener} for listener in listeners)],
                },
            )

    async def _listen(self, element: Any, name: str, handler: Any, number: int, options: Any) -> None:
        if not self._enabled:
            self._enabled = True
            self._tab.session.on("Debugger.paused", self._paused)
            await self._tab.override("Debugger.enable", {}, "Debugger.disable", {})
        if number not in self._numbers:
            self._numbers[number] = len(self._handlers)
            self._handlers.append(handler)
        try:
            answer = await self._tab.session.call(
                "Runtime.callFunctionOn",
                {
                    "objectId": element.object_id,
                    "functionDeclaration": _ADD_LISTENER,
                    "arguments": [{"value": self._numbers[number]}, {"value": name}, {"value": options}],
                },
            )
            properties = await self._tab.session.call(
                "Runtime.getProperties", {"objectId": answer["result"]["objectId"], "ownProperties": True}
            )
        except CommandFailed as error:
            raise LuaFailure("Element no longer exists in DOM") from error
        listener = properties["result"][0]["value"]["objectId"]
        self._listeners.setdefault((name, number), []).append(listener)

    async def _call(self, element: Any, function: str, *arguments: Any) -> None:
        if not isinstance(element, Element):
            raise LuaFailure("an element is expected")
        parameters: Params = {
            "objectId": element.object_id,
            "functionDeclaration": function,
            "arguments": [{"value": argument} for argument in arguments],
        }
        try:
            await self._tab.session.call("Runtime.callFunctionOn", parameters)
        except CommandFailed as error:
            raise LuaFailure("Element no longer exists in DOM") from error

    # -- the page is paused at a `debugger` statement

    def _paused(self, event: Params) -> None:
        frame = event["callFrames"][0] if event["callFrames"] else {}
        if frame.get("functionName") == LISTENER and self._enabled:
            self._spawn(self._handle(frame["callFrameId"]))
        else:
            self._tab.session.send("Debugger.resume")  # a statement of the page's own

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, frame: str) -> None:
        is_paused = True

        def resume_page() -> None:
            nonlocal is_paused
            if is_paused and not self._tab.session.is_gone:
                self._tab.session.send("Debugger.resume")
            is_paused = False

        try:
            number = (await self._evaluate(frame, "handler")).get("value")
            event = (await self._evaluate(frame, "event")).get("objectId")
            # A page can also have functions of this name.
            if isinstance(number, int) and 0 <= number < len(self._handlers) and event is not None:
                await self._runtime.run(self._handlers[number], Event(event), on_wait=resume_page)
        except (CommandFailed, TargetGone):
            pass
        except SplashError as error:
            log.info("a handler of the page's events failed: %s", error.info)
        finally:
            resume_page()

    async def _evaluate(self, frame: str, expression: str) -> Params:
        answer = await self._tab.session.call(
            "Debugger.evaluateOnCallFrame", {"callFrameId": frame, "expression": expression}
        )
        result: Params = answer["result"]
        return result

    def end(self) -> set[asyncio.Task[None]]:
        """Run no more handlers and let the page continue; return the cancelled tasks, which are about to end."""
        if self._enabled:
            self._enabled = False
            self._tab.session.send("Debugger.disable")
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        return tasks


def _check_name(method: str, name: Any) -> None:
    if not isinstance(name, str) or not name:
        raise LuaFailure(
            f"element:{method} event_name must be specified", argument="event_name", splash_method=method
        )


def _check_handler(method: str, handler: Any) -> None:
    if not isinstance(handler, Function):
        raise LuaFailure(
            f"element:{method} handler is not a function", argument="handler", splash_method=method
        )
