"""The client of the fork server: it starts the server and asks it for processes of scripts."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import msgpack

from renderer.lua.process.messages import DEFINE_API, FORK, ApiDefinition
from renderer.lua.script_process import ScriptProcess

log = logging.getLogger(__name__)

_BOOTSTRAP = (
    f"import sys; sys.path[:] = sys.argv[3:]; from {__package__}.process.fork_server import main; "
    "main(int(sys.argv[1]), sys.argv[2])"
)
# Variables that Python may need to start; scripts in the sandbox need none.
_NEEDED = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")
_SECRET = ("RENDERER_TOKEN",)


@dataclass(frozen=True, kw_only=True)
class LuaPolicy:
    """The start options for Lua: what scripts may use."""

    package_path: str = ""  # as in Lua: /folder/?.lua;/another/?.lua
    allowed_modules: tuple[str, ...] = ()
    sandboxed: bool = True

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the environment for the processes of scripts, without our secrets."""
        if self.sandboxed and not self.allowed_modules:
            return {name: environ[name] for name in _NEEDED if name in environ}
        return {name: value for name, value in environ.items() if name not in _SECRET}


class ForkServerClient:
    """A running fork server. It runs until ``kill``; if it ends by itself, the client calls ``on_gone``."""

    def __init__(
        self,
        policy: LuaPolicy,
        on_forked: Callable[[ScriptProcess], None],
        on_failed: Callable[[str], None],
        on_gone: Callable[[], None],
    ) -> None:
        self._on_forked, self._on_failed, self._on_gone = on_forked, on_failed, on_gone
        self._requests: deque[socket.socket] = deque()  # our ends of the connections of requested processes
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._is_gone = False
        with theirs:
            try:
                self._process = _start(policy, theirs)
            except OSError:
                self._control.close()
                raise
        self._control.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._control, self._read)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def requested(self) -> int:
        """Return the number of processes that are requested and not there yet."""
        return len(self._requests)

    def define_api(self, number: int, api: ApiDefinition) -> None:
        """Define the commands of all processes that the server makes from now on."""
        self._send(DEFINE_API + msgpack.packb([number, api]))

    def request(self) -> None:
        """Ask for one more process."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._requests.append(ours)
            self._send(FORK, theirs)

    def kill(self) -> None:
        """Kill the server at once, and so all processes that it made."""
        if self._is_gone:
            return
        self._is_gone = True
        self._loop.remove_reader(self._control)
        self._control.close()
        for connection in self._requests:
            connection.close()
        self._requests.clear()
        self._process.kill()
        self._process.wait()  # the kernel only has to free its memory

    def _send(self, message: bytes, descriptor: socket.socket | None = None) -> None:
        if self._is_gone:
            return
        try:
            if descriptor is None:
                self._control.send(message)
            else:
                socket.send_fds(self._control, [message], [descriptor.fileno()])
        except OSError as error:  # it hangs or has ended
            self._on_lost(str(error))

    def _read(self) -> None:
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, 4096, 1)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            message, descriptors = b"", []
        if not message:
            self._on_lost("it ended")
            return
        pid, api_version, error = msgpack.unpackb(message)
        connection = self._requests.popleft()
        if not descriptors:
            connection.close()
            self._on_failed(error)
            return
        self._on_forked(ScriptProcess(pid, descriptors[0], connection, api_version))

    def _on_lost(self, why: str) -> None:
        log.warning("the fork server of Lua scripts ended (%s); the renderer starts another one", why)
        self.kill()
        self._on_gone()


def _start(policy: LuaPolicy, control: socket.socket) -> subprocess.Popen[bytes]:
    options = json.dumps(asdict(policy))
    # -I and -S: no installed package runs code at the start. We pass the module path ourselves.
    path = [str(Path(folder).absolute()) for folder in sys.path]
    program = [sys.executable, "-I", "-S", "-c", _BOOTSTRAP, str(control.fileno()), options, *path]
    return subprocess.Popen(
        program,
        env=policy.environment(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[control.fileno()],
        # At a terminal, Ctrl-C is for the renderer alone. Not a session of its own: Linux divides processors among
        # sessions, but a script's process and the renderer take turns.
        process_group=0,
    )
