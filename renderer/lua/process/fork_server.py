"""The fork server: a process that has Lua ready and forks a process for each script.

A script's process answers the server's requests until it is killed or the connection ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgpack

from renderer.lua.process.connection import Connection
from renderer.lua.process.interpreter import MAX_MEMORY, Interpreter, compile_api
from renderer.lua.process.messages import DEFINE_API, FORK, RENEW, Reply

# Bytes that a script may use beyond a new process: Lua's memory, and the same values in messages.
SCRIPT_MEMORY = MAX_MEMORY + 400 * 1024 * 1024
MAX_RESIDENT = 64 * 1024 * 1024  # bytes; a larger process runs no other script
MAX_DATAGRAM = 128 * 1024
_SET_NAME, _SET_DEATH_SIGNAL = 15, 1  # of prctl(2)
_LIBRARY = ctypes.CDLL(None)


def main(descriptor: int, policy: str) -> None:
    """Serve the renderer, which has the other end of this descriptor, until it ends. ``policy`` is JSON."""
    control = socket.socket(fileno=descriptor)
    end_with_parent(b"lua forks")
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # at a terminal, Ctrl-C is for the renderer, which then kills this process
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel removes ended children
    os.dup2(2, 1)  # only scripts without the sandbox can print: they print to the log
    options = json.loads(policy)
    api_version, api_code = 0, None
    interpreter = prepare(options, api_code)
    freeze()
    used = memory_in_use() if options["sandboxed"] else None
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, MAX_DATAGRAM, 1)
        if data[:1] == DEFINE_API:
            api_version, api = msgpack.unpackb(data[1:], raw=True)
            api_code = compile_api(api)
            interpreter = prepare(options, api_code)
            freeze()
        elif data[:1] == FORK and descriptors:
            fork(control, descriptors[0], interpreter, partial(prepare, options, api_code), api_version, used)
        else:
            return


def prepare(options: dict[str, object], api_code: bytes | None) -> Interpreter:
    """Return a new interpreter with the commands of this code of ``compile_api``."""
    interpreter = Interpreter(**options)  # type: ignore[arg-type]
    if api_code is not None:
        interpreter.define_api(api_code)
    return interpreter


def freeze() -> None:
    """Exclude all current objects from garbage collection: it would write to their memory, and so copy it."""
    gc.collect()
    gc.freeze()


def fork(
    control: socket.socket,
    descriptor: int,
    interpreter: Interpreter,
    make: Callable[[], Interpreter],
    api_version: int,
    used: int | None,
) -> None:
    """Fork a script's process; send its descriptor to the server, or the reason why the fork failed."""
    parent = os.getpid()
    try:
        pid = os.fork()
    except OSError as error:
        os.close(descriptor)
        control.send(msgpack.packb([0, api_version, error.strerror]))
        return
    if pid == 0:
        run(control, descriptor, interpreter, make, parent, used)
    os.close(descriptor)
    process = os.pidfd_open(pid)
    socket.send_fds(control, [msgpack.packb([pid, api_version, ""])], [process])
    os.close(process)


def run(
    control: socket.socket,
    descriptor: int,
    interpreter: Interpreter,
    make: Callable[[], Interpreter],
    parent: int,
    used: int | None,
) -> None:
    """Run a script's process from its start to its end, without limits if ``used`` is None."""
    status = 1
    try:
        end_with_parent(b"lua script", parent)
        control.close()
        if used is None:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # scripts may start programs
            os.set_inheritable(descriptor, False)
        else:
            limit(used)
        gc.disable()  # a process is short-lived
        interpreter.seed(int.from_bytes(os.urandom(4)) >> 1)
        serve(Connection(descriptor), interpreter, make)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def end_with_parent(name: bytes, parent: int | None = None) -> None:
    """Let the kernel kill this process when its parent ends, for whatever reason."""
    _LIBRARY.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    _LIBRARY.prctl(_SET_NAME, name, 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def memory_in_use() -> int:
    """Return the size of this process's address space in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def resident_memory() -> int:
    """Return the resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def limit(used: int) -> None:
    """Limit the address space to ``used`` bytes and the memory of a script; write no core dumps."""
    for what, most in ((resource.RLIMIT_AS, used + SCRIPT_MEMORY), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):  # the system has a lower limit already
            resource.setrlimit(what, (most, most))


def serve(connection: Connection, interpreter: Interpreter, make: Callable[[], Interpreter]) -> None:
    """Answer requests until the connection ends, or until the process is too large for another script."""
    with contextlib.suppress(ConnectionError):
        while (request := connection.receive()) is not None:
            if request == RENEW:
                del interpreter
                if resident_memory() > MAX_RESIDENT:
                    return
                interpreter = make()
                interpreter.seed(int.from_bytes(os.urandom(4)) >> 1)
                connection.send(RENEW)
                continue
            try:
                reply = interpreter.answer(request)
            except Exception:
                reply = interpreter.converter.pack([Reply.BROKEN, [], [], traceback.format_exc()])
            connection.send(reply)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
