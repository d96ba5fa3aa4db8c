"""One script of /execute or /run, from its source to the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from renderer.errors import ScriptError
from renderer.http_client import HttpClient
from renderer.lua.autoload_api import AutoloadApi
from renderer.lua.callback_api import CallbackApi
from renderer.lua.conversion import Binary, NotConvertible, to_json
from renderer.lua.element_api import ElementApi
from renderer.lua.event_api import EventApi
from renderer.lua.form_api import FormApi
from renderer.lua.http_api import HttpApi
from renderer.lua.library_api import LibraryApi
from renderer.lua.navigation_api import NavigationApi
from renderer.lua.page_api import PageApi
from renderer.lua.picture_api import PictureApi
from renderer.lua.runtime import LuaPolicy, Runtime, Stopped
from renderer.lua.settings_api import SettingsApi
from renderer.lua.storage_api import StorageApi
from renderer.lua.timer_api import TimerApi
from renderer.own_requests import OwnRequests
from renderer.render import Result
from renderer.tab import Tab

MAX_SCRIPT = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Script:
    """What came with the request."""

    source: str
    arguments: Mapping[str, Any]
    policy: LuaPolicy
    is_body: bool  # for /run: the source is only the inside of main


async def execute(tab: Tab, script: Script) -> Result:
    """Run the script on this tab and turn what it returned into an answer."""
    if len(script.source) > MAX_SCRIPT:
        raise ScriptError({"type": "LUA_INIT_ERROR", "message": f"scripts are limited to {MAX_SCRIPT} bytes"})
    source = script.source
    if script.is_body:
        # On one line with the user's first one, so that line numbers stay.
        source = f"function main(splash, args) {source}\nend"
    await tab.start_empty()
    async with HttpClient(tab) as client:
        runtime = Runtime(script.policy)
        try:
            return await _run(tab, client, runtime, script.arguments, source)
        finally:
            runtime.end()


async def _run(
    tab: Tab, client: HttpClient, runtime: Runtime, arguments: Mapping[str, Any], source: str
) -> Result:
    runtime.waiting = tab.interception.waiting
    settings = SettingsApi(tab)
    own = tab.interception.own = OwnRequests(tab, client)
    callbacks = CallbackApi(tab, runtime, own)
    events = EventApi(tab, runtime)
    http = HttpApi(tab, client, settings, callbacks)
    timers = TimerApi(runtime)
    apis = (
        NavigationApi(tab, http, callbacks),
        PageApi(tab),
        settings,
        StorageApi(tab),
        PictureApi(tab),
        ElementApi(tab),
        FormApi(tab),
        events,
        LibraryApi(),
        timers,
        callbacks,
        http,
        AutoloadApi(tab, http),
    )
    for api in apis:
        api.add_to(runtime)
    try:
        main = await runtime.load(source)
        runtime.host[b"set_args"](runtime.converter.to_lua(dict(arguments)))
        tab.network.turn_on()
        values = await timers.run_main(main)
        try:
            returned = [runtime.converter.to_python(value) for value in values]
            body, content_type = _encode(returned, settings.content_type)
        except NotConvertible as error:
            raise ScriptError(
                {"type": "BAD_MAIN_ERROR", "message": f"'main' returned bad result. {error}"}
            ) from error
    except Stopped:
        body, content_type = b"", "text/plain; charset=utf-8"
    finally:
        await timers.end()
        await callbacks.end()
        await events.end()
    return Result(
        body=body, content_type=content_type, status=settings.status_code, headers=dict(settings.headers)
    )


def _encode(values: list[Any], content_type: str | None) -> tuple[bytes, str]:
    text_type = content_type or "text/plain; charset=utf-8"
    if not values:
        return b"", text_type
    if len(values) > 1:
        return _json(values)
    value = values[0]
    if isinstance(value, dict | list):
        return _json(value)
    if isinstance(value, Binary):
        return value.data, value.content_type
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape"), text_type
    to_json(value)  # refuses what is no plain value
    return str(value).encode(), text_type


def _json(value: Any) -> tuple[bytes, str]:
    return json.dumps(to_json(value)).encode(), "application/json"
