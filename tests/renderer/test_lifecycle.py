"""Chromium never outlives the renderer, and the renderer outlives Chromium."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import server
from tests.renderer.conftest import ROOT, Client


def processes_of(profile_of: int) -> set[int]:
    """Every Chromium process of the renderer with this pid, known by its profile folder or its session."""
    marker = f"splashdown-chromium-{profile_of}-".encode()
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker in (folder / "cmdline").read_bytes():
                found.add(int(folder.name))
        except OSError:
            continue
    return found


def session_members(sessions: set[int]) -> set[int]:
    """Processes in the sessions that these processes lead: zygotes and others that do not name the profile."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) in sessions and fields[0] != "Z":
            found.add(int(folder.name))
    return found


def until(condition, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


class Process:
    def __init__(self) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "renderer", "--port", "0", "--exit-with-stdin"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def client(self) -> Client:
        return Client(self.popen.stdout.readline().removeprefix("listening on ").strip())

    def chromium(self) -> set[int]:
        return processes_of(self.popen.pid)

    def leaders(self) -> set[int]:
        """Chromium leads a session, so its pid is the session of all its processes."""
        return {pid for pid in self.chromium() if os.getsid(pid) == pid}

    def assert_nothing_remains(self, leaders: set[int]) -> None:
        until(lambda: not self.chromium() and not session_members(leaders), 5, "Chromium is still there")


@pytest.fixture
def process() -> Iterator[Process]:
    started = Process()
    yield started
    started.popen.kill()
    started.popen.wait()
    started.popen.stdin.close()
    started.popen.stdout.close()


def in_the_middle_of(client: Client, url: str) -> threading.Thread:
    def render() -> None:
        try:
            client.get("/render.html", url=url, timeout=30)
        except OSError:
            return  # the renderer is being killed, that is the point

    thread = threading.Thread(target=render, daemon=True)
    thread.start()
    return thread


def kill(process: Process) -> None:
    process.popen.kill()


def close_stdin(process: Process) -> None:
    process.popen.stdin.close()


def terminate(process: Process) -> None:
    process.popen.terminate()


ENDS = pytest.mark.parametrize("end", [kill, close_stdin, terminate])


@ENDS
def test_an_idle_chromium_ends_with_the_renderer(process, end):
    process.client()
    leaders = process.leaders()
    assert leaders
    end(process)
    process.assert_nothing_remains(leaders)
    process.popen.wait(10)


@ENDS
@pytest.mark.parametrize("path", ["/hang", "/loop"])
def test_a_chromium_at_work_ends_with_the_renderer(process, end, pages, path):
    client = process.client()
    before = pages.hits[path]
    in_the_middle_of(client, f"{pages.url}{path}")
    until(lambda: pages.hits[path] > before, 10, "the page was not asked for")
    leaders = process.leaders()
    end(process)
    process.assert_nothing_remains(leaders)
    process.popen.wait(10)


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="this system has no policy for batch work")
def test_no_thread_of_ours_interrupts_another(process):
    process.client()
    threads = {
        int(thread.name)
        for pid in {process.popen.pid, *session_members(process.leaders())}
        for thread in Path(f"/proc/{pid}/task").iterdir()
    }
    policies = {thread: os.sched_getscheduler(thread) for thread in threads}
    assert len(policies) > 20
    assert set(policies.values()) == {os.SCHED_BATCH}


@pytest.mark.parametrize("end", [kill, close_stdin])
@pytest.mark.parametrize("delay", [0, 0.01, 0.03, 0.1, 0.2])
def test_a_chromium_that_is_starting_ends_with_the_renderer(process, end, delay):
    until(process.chromium, 20, "Chromium was not started")
    deadline = time.monotonic() + delay
    until(lambda: time.monotonic() >= deadline, 1, "")
    leaders = process.leaders()
    end(process)
    process.assert_nothing_remains(leaders)
    process.popen.wait(10)


def test_chromium_ends_when_the_process_that_started_the_renderer_is_killed():
    starter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys, time\n"
            "p = subprocess.Popen([sys.executable, '-m', 'renderer', '--port', '0', '--exit-with-stdin'],"
            " stdin=subprocess.PIPE)\n"
            "print(p.pid, flush=True)\n"
            "time.sleep(60)\n",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    pid = int(starter.stdout.readline())
    assert starter.stdout.readline().startswith("listening on")
    assert processes_of(pid)
    starter.kill()
    starter.wait()
    starter.stdout.close()
    until(lambda: not processes_of(pid), 5, "Chromium is still there")
    until(lambda: not Path(f"/proc/{pid}").exists() or is_zombie(pid), 5, "the renderer is still there")


def is_zombie(pid: int) -> bool:
    return ") Z " in Path(f"/proc/{pid}/stat").read_text()


def test_the_profile_folder_is_removed_and_those_of_killed_renderers_too(process):
    process.client()
    pattern = f"splashdown-chromium-{process.popen.pid}-*"
    folder = Path(tempfile.gettempdir())
    assert list(folder.glob(pattern))
    process.popen.kill()
    process.popen.wait()
    other = Process()
    other.client()
    until(lambda: not list(folder.glob(pattern)), 5, "the folder of the killed renderer is still there")
    other.popen.stdin.close()
    assert other.popen.wait(10) == 0
    other.popen.stdout.close()
    assert not list(folder.glob(f"splashdown-chromium-{other.popen.pid}-*"))


def test_a_killed_chromium_is_replaced(process, pages):
    client = process.client()
    assert "plain" in client.html(f"{pages.url}/plain")
    for pid in process.leaders():
        os.kill(pid, signal.SIGKILL)
    assert "plain" in client.html(f"{pages.url}/plain")


def test_a_render_in_flight_when_chromium_is_killed_is_done_again(process, pages):
    client = process.client()
    before = pages.hits["/late"]
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(
            client.get("/render.html", url=f"{pages.url}/late", wait=1.5, timeout=30)
        )
    )
    thread.start()
    until(lambda: pages.hits["/late"] > before, 10, "the page was not asked for")
    for pid in process.leaders():
        os.kill(pid, signal.SIGKILL)
    thread.join(30)
    assert answers[0].status == 200
    assert "by script" in answers[0].text
    assert pages.hits["/late"] == before + 2


def test_eight_renders_in_flight_when_chromium_is_killed_come_or_may_be_asked_for_again(process, pages):
    client = process.client()
    before = pages.hits["/late"]
    answers = []

    def ask(number):
        # Its own timeout, which no answer may come after.
        answers.append(client.get("/render.html", url=f"{pages.url}/late?{number}", wait=1.5, timeout=30))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: pages.hits["/late"] > before + 1, 10, "the pages were not asked for")
    for pid in process.leaders():
        os.kill(pid, signal.SIGKILL)
    for thread in threads:
        thread.join(30)
    assert len(answers) == 8
    for answer in answers:
        assert answer.status in (200, 503)
        assert "by script" in answer.text if answer.status == 200 else answer.headers["Retry-After"]
    assert all("plain" in client.html(f"{pages.url}/plain") for _ in range(8))


SPLASH_OPTIONS = (
    "--disable-private-mode --disable-xvfb --xvfb-screen-size 1024x768 --maxrss 4000 --browser-engines chromium "
    "--argument-cache-max-entries 1 --dont-log-args url,body --disable-browser-caches -v3 -s 2 --ip 127.0.0.1 "
    "--js-cross-domain-access --allowed-schemes http,https,data --filters-path /nowhere --max-timeout 20"
)


def test_splash_s_options_are_understood(tmp_path, pages):
    log = tmp_path / "log"
    options = [*SPLASH_OPTIONS.split(), "--logfile", str(log)]
    with server("renderer", "--port", "0", "--exit-with-stdin", *options) as url:
        client = Client(url)
        assert client.get("/render.html", url="data:text/html,<p>data</p>").status == 200
        assert client.get("/render.html", url="file:///etc/passwd").status == 502
        assert client.get("/render.html", url="http://x/", engine="webkit").status == 400
        assert client.get("/render.html", url="http://x/", timeout=21).status == 400
        saved = client.post("/render.html", url=f"{pages.url}/plain", a="1", b="2", save_args=["a", "b"])
        hashes = saved.headers["x-splash-saved-arguments"].split(";")
        answer = client.post("/render.html", load_args=";".join(hashes), url=f"{pages.url}/plain")
        assert (answer.status, answer.json["info"]) == (498, {"expired": ["a"]})
        answer = client.get("/render.html", url="http://x/", http_method="GET", body="very-secret")
        assert answer.status == 400
    told = log.read_text()
    assert "--disable-private-mode does nothing" in told
    assert "--filters-path /nowhere is not a folder" in told
    assert "'argument': 'timeout'" in told and "'argument': 'body'" in told
    assert "GET request should not" not in told


@pytest.mark.parametrize(
    "options", [("--browser-engines", "gecko"), ("--slots", "0"), ("--max-timeout", "-1")]
)
def test_options_that_make_no_sense_are_refused(options):
    ended = subprocess.run(
        [sys.executable, "-m", "renderer", *options], cwd=ROOT, capture_output=True, timeout=20
    )
    assert ended.returncode == 2
