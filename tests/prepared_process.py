"""Run ``scrapy`` or a script in a fork of a process that has the libraries, whose imports take most of a small crawl.

A fork is a process of its own. It has the arguments, the environment, the working directory, the paths of modules and
the outputs that a new process would have. ``scrapy`` in the checkout also has the modules of its commands, which it
always imports, and whose import reads no variable. Every other program imports all of our modules itself.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent
# What most crawls import. Two are missing: our import hook patches scrapy_splash, and the import of
# twisted.internet.reactor installs a reactor.
_NAMES = """
    scrapy.cmdline scrapy.contracts scrapy.core.engine scrapy.core.scheduler scrapy.core.scraper scrapy.resolver
    scrapy.core.downloader.handlers.http11 scrapy.downloadermiddlewares.cookies scrapy.downloadermiddlewares.retry
    scrapy.downloadermiddlewares.defaultheaders scrapy.downloadermiddlewares.downloadtimeout scrapy.robotstxt
    scrapy.downloadermiddlewares.httpauth scrapy.downloadermiddlewares.httpcache scrapy.downloadermiddlewares.offsite
    scrapy.downloadermiddlewares.httpcompression scrapy.downloadermiddlewares.redirect scrapy.linkextractors
    scrapy.downloadermiddlewares.robotstxt scrapy.downloadermiddlewares.stats scrapy.downloadermiddlewares.useragent
    scrapy.extensions.feedexport scrapy.extensions.closespider scrapy.extensions.corestats scrapy.extensions.logcount
    scrapy.extensions.logstats scrapy.extensions.memusage scrapy.extensions.throttle scrapy.shell scrapy.spiders
    scrapy.spidermiddlewares.depth scrapy.spidermiddlewares.httperror scrapy.spidermiddlewares.metacopy
    scrapy.spidermiddlewares.start scrapy.spidermiddlewares.urllength scrapy.statscollectors scrapy.dupefilters
    sqlalchemy.orm sqlalchemy.dialects.mysql sqlalchemy.dialects.postgresql sqlalchemy.dialects.sqlite
    concurrent.futures.thread cronsim dotenv filelock psutil pythonjsonlogger.json requests service_identity six
    tldextract twisted.internet.asyncioreactor twisted.web.client tzlocal wsgiref.simple_server yaml sqlite3
"""
LIBRARIES = _NAMES.split()
COMMANDS = "crawler.commands"  # with the models, half of the start of a crawl
HOOK = "crawler.splash.import_hook"  # each Python process imports it at its start
LARGEST_ORDER = 1 << 17  # bytes


class Forked:
    """A program that runs in a fork. Its attributes and methods are those of ``subprocess.Popen`` with text."""

    def __init__(
        self, program: Sequence[str], cwd: Path, env: Mapping[str, str], stdout: int, stderr: int
    ) -> None:
        self.args = list(program)
        self.returncode: int | None = None
        self.stdout: IO[str] | None = None
        self._said: list[bytes] = []
        order = json.dumps({"program": self.args, "cwd": str(cwd), "env": dict(env)}).encode()
        reading, writing = os.pipe()
        self._answers = os.fdopen(reading)
        try:
            server = _server(with_commands=cwd == ROOT and "PYTHONPATH" not in env)
            socket.send_fds(server, [order], [stdout, stderr, writing])
        finally:
            os.close(writing)
        pid = self._answers.readline()
        assert pid, "the process that has imported the libraries has ended"
        self.pid = int(pid)

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while the command runs."""
        if self.returncode is None and select.select([self._answers], [], [], 0)[0]:
            self.returncode = int(self._answers.readline())
            self._answers.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the command has ended, and return its exit code.

        Raises:
            subprocess.TimeoutExpired: it runs longer than ``timeout`` seconds.
        """
        if self.returncode is None:
            select.select([self._answers], [], [], timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """Read what is left of ``stdout``, and wait until the command has ended. Return what was read.

        Raises:
            subprocess.TimeoutExpired: it runs longer than ``timeout`` seconds. The next call returns all.
        """
        assert self.stdout is not None
        until = None if timeout is None else time.monotonic() + timeout

        def left() -> float | None:
            return None if until is None else max(0.0, until - time.monotonic())

        while not self.stdout.closed:
            if not select.select([self.stdout], [], [], left())[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            if part := os.read(self.stdout.fileno(), 1 << 16):
                self._said.append(part)
            else:
                self.stdout.close()
        self.wait(left())
        return b"".join(self._said).decode(), None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def run_scrapy(
    arguments: Sequence[str], cwd: Path, env: Mapping[str, str], deadline: float
) -> subprocess.CompletedProcess[str]:
    """Run ``scrapy ARGUMENTS`` in the folder ``cwd`` to its end, with no other variables than ``env``.

    Raises:
        subprocess.TimeoutExpired: the command did not end within ``deadline`` seconds, and was killed.
    """
    return _run_to_its_end(["scrapy", *arguments], cwd, env, deadline)


def run_script(script: Path, env: Mapping[str, str], deadline: float) -> subprocess.CompletedProcess[str]:
    """Run a Python script in its folder, as ``run_scrapy`` does."""
    return _run_to_its_end([script.name], script.parent, env, deadline)


def _run_to_its_end(
    program: Sequence[str], cwd: Path, env: Mapping[str, str], deadline: float
) -> subprocess.CompletedProcess[str]:
    """Run a program, and return its exit code and its outputs.

    A variable that the interpreter reads at its start, for example PYTHONHASHSEED, has no effect; PYTHONPATH has.
    """
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        process = Forked(program, cwd, env, stdout.fileno(), stderr.fileno())
        try:
            code = process.wait(deadline)
        finally:
            process.kill()
            process.wait()
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(process.args, code, stdout.read(), stderr.read())


def start_scrapy(arguments: Sequence[str], env: Mapping[str, str], log: IO[bytes] | None = None) -> Forked:
    """Start ``scrapy ARGUMENTS`` in the checkout. All of its output goes to ``log``, or to its ``stdout``."""
    program = ["scrapy", *arguments]
    if log is not None:
        return Forked(program, ROOT, env, log.fileno(), log.fileno())
    reading, writing = os.pipe()
    stdout = os.fdopen(reading)
    try:
        process = Forked(program, ROOT, env, writing, writing)
    finally:
        os.close(writing)
    process.stdout = stdout
    return process


@cache
def _server(*, with_commands: bool) -> socket.socket:
    """Start the process that imports the libraries, and return its socket. It ends when the socket is closed.

    Args:
        with_commands: it also imports the commands of this checkout.
    """
    packages = [COMMANDS] if with_commands else []
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        subprocess.Popen(
            [sys.executable, "-m", "tests.prepared_process", str(theirs.fileno()), *packages],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    return ours


def main() -> None:
    """Import the libraries, and run each order in a fork, which ends as any process does."""
    # The tests import this module, too.
    from scrapy.utils.misc import walk_modules_iter  # noqa: PLC0415
    from sqlalchemy.orm import configure_mappers  # noqa: PLC0415

    for library in LIBRARIES:
        importlib.import_module(library)
    # The fork imports our modules: the paths of its command may have others, for example those of a copy.
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != HOOK]
    for name in [name for name in sys.modules if name.partition(".")[0] in ("crawler", "tests")]:
        del sys.modules[name]
    assert "models" not in sys.modules
    for package in sys.argv[2:]:
        for _ in walk_modules_iter(package):
            pass
        configure_mappers()  # the first query of a process does it
    assert not {"scrapy_splash", "twisted.internet.reactor"} & set(sys.modules)
    gc.collect()
    gc.freeze()  # the end of a fork does not go through these objects, which takes 0.2 s
    with socket.socket(fileno=int(sys.argv[1])) as orders:
        while True:
            order, files, *_ = socket.recv_fds(orders, LARGEST_ORDER, 3)
            if not order:
                return
            if os.fork() == 0:
                break
            for file in files:
                os.close(file)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
    stdout, stderr, answers = files
    if pid := os.fork():
        os.write(answers, f"{pid}\n".encode())
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.write(answers, f"{code}\n".encode())
        os._exit(0)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    os.closerange(3, max(files) + 1)
    _run(**json.loads(order))


def _run(program: list[str], cwd: str, env: dict[str, str]) -> None:
    """Do what ``python -m scrapy`` or ``python SCRIPT`` does in this folder with these variables."""
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(cwd)
    given = env.get("PYTHONPATH")
    sys.path[:1] = given.split(os.pathsep) if given else ()
    importlib.invalidate_caches()
    importlib.import_module(HOOK).install()
    sys.path.insert(0, cwd)
    sys.argv[:] = program
    if program[0] == "scrapy":
        runpy.run_module("scrapy", run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(program[0], run_name="__main__")


if __name__ == "__main__":
    main()
