"""The pool of processes for scripts: some wait for scripts, and the pool kills one whose script does not end in time.

Nothing can interrupt Lua, or a thread, while it runs C code: only a process can be ended at any time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator

from renderer.errors import Overloaded
from renderer.lua.fork_server_client import ForkServerClient, LuaPolicy
from renderer.lua.process.messages import RENEW, ApiDefinition
from renderer.lua.script_process import ScriptProcess

log = logging.getLogger(__name__)

# So many new processes wait for scripts. Making one takes two milliseconds, mostly while another script's page loads.
AHEAD = 2
# So many processes may wait, with those that have finished a script. They start the next script with a new Lua, which
# costs half as much as a new process.
MAX_IDLE = 4
# A process that has grown by more than so many bytes is not used again: a script does not give back all of its memory.
MAX_GROWTH = 8 * 1024 * 1024
IDLE_SECONDS = 5.0  # after this time the pool kills waiting processes beyond AHEAD
START_TIMEOUT = 20.0
RESTART_DELAY = 1.0  # seconds between two starts of the fork server


class ScriptsUnavailable(Exception):
    """The processes of scripts cannot be started."""


class ProcessPool:
    """The pool. Call ``start`` once, ``process`` for every script, and ``end`` at the end."""

    def __init__(self, policy: LuaPolicy, ahead: int = AHEAD) -> None:
        self._policy, self._ahead = policy, ahead
        self._fork_server: ForkServerClient | None = None
        self._idle: deque[ScriptProcess] = deque()
        self._busy: set[ScriptProcess] = set()
        self._waiting: deque[asyncio.Future[ScriptProcess]] = deque()
        self._api: ApiDefinition = ()
        self._api_version = 0  # counts the definitions
        self._last_start = 0.0
        self._restart: asyncio.TimerHandle | None = None
        self._trim: asyncio.TimerHandle | None = None
        self._memory = 0  # bytes of a process that has run no script
        self._is_over = False

    @property
    def pid(self) -> int | None:
        """Return the fork server's process id; all processes of scripts are in its process group."""
        return self._fork_server.pid if self._fork_server else None

    async def start(self) -> None:
        """Start the fork server and the first processes; raise ScriptsUnavailable if they do not start."""
        try:
            self._start_fork_server()
            async with asyncio.timeout(START_TIMEOUT):
                process = await self._take_process()
            self._busy.discard(process)
            self._memory = process.memory()
            self._assign(process)
        except (OSError, TimeoutError, Overloaded) as error:
            self.end()
            raise ScriptsUnavailable(f"the processes of Lua scripts do not start: {error}") from error

    def end(self) -> None:
        """Kill every process."""
        self._is_over = True
        for timer in (self._restart, self._trim):
            if timer is not None:
                timer.cancel()
        for process in (*self._idle, *self._busy):
            process.kill()
        self._idle.clear()
        self._refuse_waiting("the renderer ends")
        if self._fork_server is not None:
            self._fork_server.kill()

    @contextlib.asynccontextmanager
    async def process(self) -> AsyncIterator[ScriptProcess]:
        """Yield a process for one script; at the end of the block, kill it unless the script has finished.

        Raises:
            Overloaded: no process can be made.
        """
        process = await self._take_process()
        try:
            yield process
        finally:
            self._return_process(process)

    def _return_process(self, process: ScriptProcess) -> None:
        is_wanted = process.api_version in (0, self._api_version) and len(self._idle) < MAX_IDLE
        if self._is_over or not process.is_clean or not is_wanted:
            process.kill()
            return
        process.is_finished = False

        def on_renewed(renewed: asyncio.Future[bytes]) -> None:
            self._busy.discard(process)
            if renewed.exception() is not None or process.is_gone:
                return
            # Meanwhile, the API may have got another definition.
            is_old = process.api_version not in (0, self._api_version)
            if is_old or process.memory() > self._memory + MAX_GROWTH:
                process.kill()
                self._request_missing()
            else:
                self._assign(process)

        process.ask(RENEW).add_done_callback(on_renewed)

    async def _take_process(self) -> ScriptProcess:
        while self._idle:
            process = self._idle.popleft()
            if not process.is_gone:
                self._busy.add(process)
                self._request_missing()
                return process
        future: asyncio.Future[ScriptProcess] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            self._request_missing()
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                # The pool assigned a process at the same time, and nobody uses it.
                self._busy.discard(future.result())
                self._assign(future.result())
            raise
        finally:
            with contextlib.suppress(ValueError):
                self._waiting.remove(future)

    def define_api(self, api: ApiDefinition) -> int:
        """Define the commands of all processes that are made from now on; return the version of the definition."""
        if self._api != api:
            self._api = api
            self._api_version += 1
            for process in tuple(self._idle):
                if process.api_version:
                    process.kill()  # its Lua has the commands of another version
            if self._fork_server is not None:
                self._fork_server.define_api(self._api_version, api)
        return self._api_version

    def _start_fork_server(self) -> None:
        self._restart = None
        self._last_start = asyncio.get_running_loop().time()
        self._fork_server = ForkServerClient(
            self._policy, self._assign, self._refuse_waiting, self._restart_later
        )
        if self._api_version:
            self._fork_server.define_api(self._api_version, self._api)
        self._request_missing()

    def _restart_later(self) -> None:
        self._fork_server = None
        self._refuse_waiting("its fork server ended")
        if self._is_over or self._restart is not None:
            return
        loop = asyncio.get_running_loop()
        self._restart = loop.call_at(max(loop.time(), self._last_start + RESTART_DELAY), self._start_again)

    def _start_again(self) -> None:
        try:
            self._start_fork_server()
        except OSError as error:
            log.error("the fork server of Lua scripts does not start: %s", error)
            self._restart_later()

    def _request_missing(self) -> None:
        """Request the missing processes."""
        wanted = self._ahead + len(self._waiting) - len(self._idle)
        while self._fork_server is not None and self._fork_server.requested < wanted:
            self._fork_server.request()

    def _assign(self, process: ScriptProcess) -> None:
        """Assign the process to the first waiting script, or keep it for a later one."""
        if process.api_version not in (0, self._api_version):  # it was on its way when the API changed
            process.kill()
            self._request_missing()
            return
        process.on_gone = self._forget
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                self._busy.add(process)
                future.set_result(process)
                return
        self._idle.append(process)
        if len(self._idle) > self._ahead and self._trim is None and not self._is_over:
            self._trim = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._end_surplus)

    def _end_surplus(self) -> None:
        """Kill the waiting processes beyond AHEAD."""
        self._trim = None
        while len(self._idle) > self._ahead:
            self._idle.popleft().kill()

    def _forget(self, process: ScriptProcess) -> None:
        self._busy.discard(process)
        with contextlib.suppress(ValueError):
            self._idle.remove(process)

    def _refuse_waiting(self, why: str) -> None:
        info = {"type": "script_process_lost", "description": f"There is no process for the script: {why}"}
        for future in self._waiting:
            if not future.done():
                future.set_exception(Overloaded(info))
        self._waiting.clear()
