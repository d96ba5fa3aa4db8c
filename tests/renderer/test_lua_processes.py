"""The pool of processes for scripts: it starts them ahead, kills them with their scripts and replaces lost ones."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from renderer.errors import Overloaded, ScriptError
from renderer.lua import process_pool
from renderer.lua.codec import Codec
from renderer.lua.fork_server_client import LuaPolicy
from renderer.lua.process.messages import RENEW
from renderer.lua.process_pool import AHEAD, MAX_GROWTH, ProcessPool
from tests.renderer.conftest import ROOT
from tests.renderer.script_processes import (
    children,
    run_script,
    run_with_pool,
    runs_scripts,
    wait_for_end,
    wait_until,
)

ENDLESS = """
function main(splash)
  local s = 'a'
  for i = 1, 13 do s = s .. s end
  splash:begin()
  while true do s:find('.-.-b') end
end"""


def test_the_pool_kills_a_process_whose_script_did_not_end() -> None:
    async def test(pool: ProcessPool) -> None:
        pids = set()
        for _ in range(5):
            async with pool.process() as process:
                pids.add(process.pid)
            await wait_for_end(process.pid)
        assert len(pids) == 5
        await wait_until(lambda: len(children(pool)), AHEAD)

    run_with_pool(test)


def test_a_process_serves_several_scripts_with_a_new_lua_each_time() -> None:
    async def test(pool: ProcessPool) -> None:
        seen: set[int] = set()

        def note() -> None:
            seen.update(process.pid for process in pool._busy)

        for _ in range(20):
            source = """function main(splash)
              splash:note()
              local before = leaked
              local clean = before == nil and string.leaked == nil
              leaked, string.leaked = true, true
              return clean
            end"""
            assert (await run_script(pool, source, note))[1] == [b"True"]
            await wait_until(lambda: len(pool._busy), 0)
        assert len(seen) < 10

    run_with_pool(test)


def test_a_cancelled_task_kills_a_script_that_never_ends() -> None:
    async def test(pool: ProcessPool) -> None:
        began = asyncio.Event()

        def begin() -> None:
            began.set()

        task = asyncio.ensure_future(run_script(pool, ENDLESS, begin))
        await began.wait()
        pids = [process.pid for process in pool._busy]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for pid in pids:
            await wait_for_end(pid)
        assert await runs_scripts(pool)

    run_with_pool(test)


@pytest.mark.parametrize("when", ["while Lua runs", "while a command runs"])
def test_a_process_that_ends_by_itself_fails_only_its_script(when: str) -> None:
    async def test(pool: ProcessPool) -> None:
        async def begin() -> None:
            [process] = pool._busy
            if when == "while Lua runs":
                asyncio.get_running_loop().call_later(0.05, os.kill, process.pid, signal.SIGKILL)
            else:
                os.kill(process.pid, signal.SIGKILL)
                await asyncio.sleep(0.05)

        with pytest.raises(Overloaded, match="script_process_lost"):
            await run_script(pool, ENDLESS, begin)
        assert await runs_scripts(pool)

    run_with_pool(test)


def test_the_pool_replaces_waiting_processes_that_end() -> None:
    async def test(pool: ProcessPool) -> None:
        assert await runs_scripts(pool)
        waiting = set(pool._idle)
        for process in waiting:
            os.kill(process.pid, signal.SIGKILL)
        await wait_until(lambda: not waiting & set(pool._idle))
        assert await runs_scripts(pool)
        assert await runs_scripts(pool)

    run_with_pool(test)


def test_the_pool_replaces_a_fork_server_that_ends() -> None:
    async def test(pool: ProcessPool) -> None:
        assert await runs_scripts(pool)
        first = pool.pid
        assert first is not None
        family = [first, *(process.pid for process in children(pool))]
        os.kill(first, signal.SIGKILL)
        for pid in family:
            await wait_for_end(pid)
        await wait_until(lambda: pool.pid not in (None, first))
        assert await runs_scripts(pool)

    run_with_pool(test)


def test_later_processes_have_the_commands_of_their_script() -> None:
    async def test(pool: ProcessPool) -> None:
        def one() -> int:
            return 1

        def two() -> int:
            return 2

        for command in (one, one, one, one, two, one, two, two, two, two):
            source = f"function main(splash) return splash:{command.__name__}() end"
            assert (await run_script(pool, source, command))[1] == [str(command()).encode()]
        source = "function main(splash) return splash.one == nil end"
        assert (await run_script(pool, source, two))[1] == [b"True"]

    run_with_pool(test)


def test_each_script_has_other_random_numbers() -> None:
    async def test(pool: ProcessPool) -> None:
        source = "function main() return math.random(1, 1e9) end"
        assert len({(await run_script(pool, source))[1][0] for _ in range(4)}) == 4

    run_with_pool(test)


def test_a_script_that_exceeds_its_process_gets_an_error_about_memory() -> None:
    async def test(pool: ProcessPool) -> None:
        # The table fits into Lua's 100 MB, but its JSON does not.
        source = """function main()
          local s, t = ('\\1'), {}
          for i = 1, 23 do s = s .. s end
          for i = 1, 100 do t[i] = s end
          return t
        end"""
        with pytest.raises(ScriptError, match="too much memory"):
            await run_script(pool, source)
        assert await runs_scripts(pool)

    run_with_pool(test)


def test_the_pool_does_not_reuse_a_process_that_has_grown() -> None:
    async def test(pool: ProcessPool) -> None:
        async with pool.process() as process:
            await process.ask(RENEW)
            process.is_finished = True
        await wait_until(lambda: process in pool._idle)
        pool._memory = -MAX_GROWTH  # so each process is too large
        async with pool.process() as process:
            await process.ask(RENEW)
            process.is_finished = True
        await wait_until(lambda: process.is_gone)

    run_with_pool(test)


def test_the_pool_ends_surplus_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_pool, "IDLE_SECONDS", 0.05)

    async def test(pool: ProcessPool) -> None:
        async with pool.process() as first, pool.process() as second, pool.process() as third:
            for process in (first, second, third):
                await process.ask(RENEW)
                process.is_finished = True
        await wait_until(lambda: not pool._busy)
        await wait_until(lambda: len(pool._idle) <= AHEAD)

    run_with_pool(test)


def test_a_process_has_no_environment_and_no_descriptors_of_the_renderer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RENDERER_TOKEN", "secret")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///secret")

    async def test(pool: ProcessPool) -> None:
        async with pool.process() as process:
            folder = Path(f"/proc/{process.pid}")
            assert b"secret" not in (folder / "environ").read_bytes()
            # A new process closes the fork server's descriptors before it reads its first message.
            await process.ask(RENEW)
            kinds = sorted(
                str(item.readlink()).partition(":")[0]
                for item in (folder / "fd").iterdir()
                if int(item.name) > 2
            )
            assert kinds == ["socket"]

    run_with_pool(test)


def test_without_a_sandbox_a_process_has_the_environment_but_no_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RENDERER_TOKEN", "secret")
    monkeypatch.setenv("SHOP", "open")

    async def test(pool: ProcessPool) -> None:
        source = "function main() return {os.getenv('SHOP'), os.getenv('RENDERER_TOKEN')} end"
        assert (await run_script(pool, source))[1] == [b'{"1": "open"}']

    run_with_pool(test, LuaPolicy(sandboxed=False))


def test_an_invalid_message_ends_the_process() -> None:
    async def test(pool: ProcessPool) -> None:
        async with pool.process() as process:
            future = process.ask(Codec().pack(["nonsense"]))
            reply = Codec().unpack(await future)
            assert "Traceback" in reply[-1]
            process._received += b"\xff\xff\xff\xff"
            waiting = process.ask(Codec().pack(["nonsense"]))
            with pytest.raises(Overloaded):
                await waiting

    run_with_pool(test)


def wait_for_script_processes(pid: int) -> list[psutil.Process]:
    """Return the fork server and the processes of scripts, when each has its name."""
    deadline = time.monotonic() + 10
    while True:
        family = [one for one in psutil.Process(pid).children(recursive=True) if "lua" in one.name()]
        names = {one.name() for one in family}
        if names == {"lua forks", "lua script"} or time.monotonic() > deadline:
            assert names == {"lua forks", "lua script"}
            return family
        time.sleep(0.02)


def test_processes_of_scripts_end_with_a_renderer_that_is_killed() -> None:
    renderer = subprocess.Popen(
        [sys.executable, "-m", "renderer", "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert renderer.stdout is not None
        assert renderer.stdout.readline().startswith("listening")
        family = wait_for_script_processes(renderer.pid)
    finally:
        renderer.kill()
        renderer.wait()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
