"""One script of /execute or /run, from its source to the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from renderer.chromium.cdp import TargetGone
from renderer.errors import ScriptError
from renderer.lua.autoload_api import AutoloadApi
from renderer.lua.callback_api import CallbackApi
from renderer.lua.element_api import ElementApi
from renderer.lua.event_api import EventApi
from renderer.lua.form_api import FormApi
from renderer.lua.http_api import HttpApi
from renderer.lua.library_api import LibraryApi, TooLarge, join_parts
from renderer.lua.lua_values import NotConvertible
from renderer.lua.navigation_api import NavigationApi
from renderer.lua.page_api import PageApi
from renderer.lua.picture_api import PictureApi
from renderer.lua.plain_run import NotPlain, PlainRun
from renderer.lua.plain_script import plain_methods
from renderer.lua.process.messages import Body
from renderer.lua.process_pool import ProcessPool
from renderer.lua.runtime import WAITING, Runtime
from renderer.lua.script_process import ScriptProcess
from renderer.lua.settings_api import SettingsApi
from renderer.lua.storage_api import StorageApi
from renderer.lua.timer_api import TimerApi
from renderer.lua.wait_api import WaitApi
from renderer.render.http_client import HttpClient
from renderer.render.own_requests import OwnRequests
from renderer.render.render import Result
from renderer.render.unheld_page import NavigatingSites, PageNavigated
from renderer.tab.cleaning import clean
from renderer.tab.document_html import ResultTooLarge
from renderer.tab.tab import Tab

log = logging.getLogger(__name__)

MAX_SCRIPT = 1024 * 1024
# Commands that the page of the render before cannot notice. Before each other command the tab loads an empty page.
_BEFORE_PAGE = frozenset(
    {
        *("go", "jsfunc", "init_cookies", "add_cookie", "set_user_agent", "set_custom_headers"),
        *("set_viewport_size", "get_viewport_size", "get_version", "get_perf_stats"),
        *("set_result_content_type", "set_result_status_code", "set_result_header"),
        *(
            "json.encode",
            "json.decode",
            "base64.encode",
            "base64.decode",
            "treat.as_binary",
            "treat.as_string",
        ),
    }
)
# The answer waits so many seconds for the script's cancelled tasks: a task that hangs must not hold it.
ENDING_TIMEOUT = 0.5


@dataclass(kw_only=True)
class Script:
    """The script of a request, with its arguments."""

    source: str
    arguments: Mapping[str, Any]
    processes: ProcessPool
    is_body: bool  # for /run: the source is only the body of main
    sites: NavigatingSites = field(default_factory=NavigatingSites)
    may_be_plain: bool = True


async def execute(tab: Tab, script: Script) -> Result:
    """Run the script on this tab; return its result as an answer.

    Raises:
        ScriptError: the script is not valid or failed.
        ResultTooLarge: its result is too large.
    """
    if len(script.source) > MAX_SCRIPT:
        raise ScriptError({"type": "LUA_INIT_ERROR", "message": f"scripts are limited to {MAX_SCRIPT} bytes"})
    source = script.source
    if script.is_body:
        # On one line with the source's first line, so that line numbers stay the same.
        source = f"function main(splash, args) {source}\nend"
    methods = plain_methods(source) if script.may_be_plain else None
    if methods is not None:
        try:
            return await _run_in_process(tab, script, source, PlainRun(tab, methods, script.sites))
        except (NotPlain, PageNavigated):
            script.may_be_plain = False  # also in another tab
            if not await clean(tab):
                raise TargetGone("a plain script has to run again") from None
    return await _run_in_process(tab, script, source, None)


async def _run_in_process(tab: Tab, script: Script, source: str, plain_run: PlainRun | None) -> Result:
    async with HttpClient(tab) as client, script.processes.process() as process:
        runtime = Runtime(process, script.processes)
        try:
            return await _run(tab, client, runtime, process, script.arguments, source, plain_run)
        finally:
            runtime.end()


async def _run(
    tab: Tab,
    client: HttpClient,
    runtime: Runtime,
    process: ScriptProcess,
    arguments: Mapping[str, Any],
    source: str,
    plain_run: PlainRun | None,
) -> Result:
    _prepare(tab, runtime, plain_run)
    settings = SettingsApi(tab)
    own = tab.interception.own = OwnRequests(tab, client)
    callbacks = CallbackApi(tab, runtime, own)
    events = EventApi(tab, runtime)
    http = HttpApi(tab, client, settings, callbacks)
    timers = TimerApi(runtime)
    waits = WaitApi(tab, plain_run)
    apis = (
        NavigationApi(tab, http, callbacks, waits, plain_run),
        PageApi(tab, plain_run),
        waits,
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
        kind, content = await runtime.run_main(source, dict(arguments))
        body, content_type = _answer(kind, content, settings.content_type)
    except NotConvertible as error:
        raise ScriptError(
            {"type": "BAD_MAIN_ERROR", "message": f"'main' returned bad result. {error}"}
        ) from error
    finally:
        # Cancel all tasks before the first await: this task itself may be cancelled again during an await.
        tasks = {*timers.end(), *callbacks.end(), *events.end()}
        if not process.is_clean:
            process.kill()
        if tasks:
            ended, hanging = await asyncio.wait(tasks, timeout=ENDING_TIMEOUT)
            tab.must_discard = tab.must_discard or bool(hanging)
            for task in ended:
                if not task.cancelled() and (problem := task.exception()) is not None:
                    log.info("a task of a script failed at its end: %r", problem)
    return Result(
        body=body, content_type=content_type, status=settings.status_code, headers=dict(settings.headers)
    )


def _prepare(tab: Tab, runtime: Runtime, plain_run: PlainRun | None) -> None:
    """Let the runtime do what is due before and after the commands of this script."""

    async def before(name: str, argument: Any) -> None:
        if plain_run is not None:
            plain_run.check()
        if tab.frozen_page.is_frozen and not _may_precede_page(name, argument):
            await tab.start_empty()

    runtime.before = before
    if plain_run is None:
        runtime.waiting = tab.interception.waiting
        tab.network.turn_on()
        return
    run = plain_run
    tab.network.disable_unused()

    def after(name: str) -> None:
        if name == "go" or name in WAITING:
            run.accept_documents()
        else:
            run.check()

    runtime.after = after
    runtime.following = run.following


def _may_precede_page(name: str, argument: Any) -> bool:
    """Return whether this command leaves the page as it is that the tab shows before the script loads its own."""
    return name in _BEFORE_PAGE or (name.startswith("attribute.") and argument == "images_enabled")


def _answer(kind: int, content: list[Any], content_type: str | None) -> tuple[bytes, str]:
    match kind:
        case Body.TOO_LARGE:
            raise ResultTooLarge
        case Body.BINARY:
            return content[0].data, content[0].content_type
        case Body.JSON:
            try:
                return join_parts(content), "application/json"
            except TooLarge as error:
                raise ResultTooLarge from error
    return b"".join(content), content_type or "text/plain; charset=utf-8"
