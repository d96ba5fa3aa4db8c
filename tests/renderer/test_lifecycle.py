"""The lives of the processes: Chromium ends with the renderer, and the renderer replaces a Chromium that ends."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.processes import server
from tests.renderer.conftest import ROOT, Answer, Client, Pages
from tests.renderer.polling import until
from tests.renderer.renderer_process import (
    RendererProcess,
    chromium_processes,
    is_zombie,
    session_members,
)


@pytest.fixture
def process() -> Iterator[RendererProcess]:
    started = RendererProcess()
    yield started
    started.stop()


def render_in_thread(client: Client, url: str) -> threading.Thread:
    """Start a render that ends with its renderer; return the thread that waits for its answer."""

    def render() -> None:
        try:
            client.get("/render.html", url=url, wait=20, timeout=30)
        except OSError:
            return  # the test ends the renderer

    thread = threading.Thread(target=render, daemon=True)
    thread.start()
    return thread


def kill(process: RendererProcess) -> None:
    process.popen.kill()


def close_stdin(process: RendererProcess) -> None:
    process.close_stdin()


def terminate(process: RendererProcess) -> None:
    process.popen.terminate()


End = Callable[[RendererProcess], None]
ENDS = pytest.mark.parametrize("end", [kill, close_stdin, terminate])


def runs_a_loop(leaders: set[int]) -> bool:
    """Return whether the main thread of a tab's process runs, or waits for a processor, in each of five samples."""
    tabs = [
        tab
        for tab in map(psutil.Process, session_members(leaders))
        if "--type=renderer" in " ".join(tab.cmdline())
    ]
    return any(all(_is_running_after_20_ms(tab) for _ in range(5)) for tab in tabs)


def _is_running_after_20_ms(process: psutil.Process) -> bool:
    time.sleep(0.02)
    return process.status() == psutil.STATUS_RUNNING


@ENDS
def test_an_idle_chromium_ends_with_the_renderer(process: RendererProcess, end: End) -> None:
    process.client()
    leaders = process.leaders()
    end(process)
    process.assert_no_chromium_remains(leaders)
    process.popen.wait(10)


@ENDS
@pytest.mark.parametrize("path", ["/hang", "/loop"])
def test_a_chromium_that_renders_ends_with_the_renderer(
    process: RendererProcess, end: End, pages: Pages, path: str
) -> None:
    client = process.client()
    before = pages.hits[path]
    rendering = render_in_thread(client, f"{pages.url}{path}")
    until(lambda: pages.hits[path] > before, 10, "Chromium did not request the page")
    leaders = process.leaders()
    if path == "/loop":
        until(lambda: runs_a_loop(leaders), 10, "the page does not loop")
    assert rendering.is_alive(), "the render is over"
    end(process)
    process.assert_no_chromium_remains(leaders)
    process.popen.wait(10)


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="this system has no policy for batch work")
def test_all_threads_of_the_renderer_and_chromium_have_the_batch_policy(process: RendererProcess) -> None:
    process.client()
    threads = {
        int(thread.name)
        for pid in {process.pid, *session_members(process.leaders())}
        for thread in Path(f"/proc/{pid}/task").iterdir()
    }
    policies = {thread: os.sched_getscheduler(thread) for thread in threads}
    assert len(policies) > 20
    assert set(policies.values()) == {os.SCHED_BATCH}


@pytest.mark.parametrize("end", [kill, close_stdin])
@pytest.mark.parametrize("delay", [0, 0.01, 0.03, 0.1, 0.2])
def test_a_chromium_that_is_starting_ends_with_the_renderer(
    process: RendererProcess, end: End, delay: float
) -> None:
    until(process.leaders, 20, "the renderer did not start Chromium")
    time.sleep(delay)
    leaders = process.leaders()
    assert process.popen.poll() is None  # on a fast machine it has started after the longest delay
    end(process)
    process.assert_no_chromium_remains(leaders)
    process.popen.wait(10)


def test_chromium_ends_when_the_process_that_started_the_renderer_is_killed() -> None:
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
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    assert starter.stdout.readline().startswith("listening on")
    assert chromium_processes(pid)
    starter.kill()
    starter.wait()
    starter.stdout.close()
    until(lambda: not chromium_processes(pid), 5, "Chromium still runs")
    until(lambda: not Path(f"/proc/{pid}").exists() or is_zombie(pid), 5, "the renderer still runs")


def test_a_renderer_removes_its_profile_folder_and_those_of_killed_renderers(
    process: RendererProcess,
) -> None:
    process.client()
    pattern = f"splashdown-chromium-{process.pid}-*"
    folder = Path(tempfile.gettempdir())
    assert list(folder.glob(pattern))
    process.popen.kill()
    process.popen.wait()
    other = RendererProcess()
    try:
        other.client()
        until(lambda: not list(folder.glob(pattern)), 5, "the killed renderer's folder is still there")
        other.close_stdin()
        assert other.popen.wait(10) == 0
    finally:
        other.stop()
    assert not list(folder.glob(f"splashdown-chromium-{other.pid}-*"))


def test_a_killed_chromium_is_replaced(process: RendererProcess, pages: Pages) -> None:
    client = process.client()
    assert "plain" in client.html(f"{pages.url}/plain")
    killed = process.kill_chromium()
    assert "plain" in client.html(f"{pages.url}/plain")
    assert process.leaders() - killed


def test_the_renderer_repeats_a_render_whose_chromium_is_killed(
    process: RendererProcess, pages: Pages
) -> None:
    client = process.client()
    before = pages.hits["/late"]
    answers: list[Answer] = []
    thread = threading.Thread(
        target=lambda: answers.append(
            client.get("/render.html", url=f"{pages.url}/late", wait=1.5, timeout=30)
        )
    )
    thread.start()
    until(lambda: pages.hits["/late"] > before, 10, "Chromium did not request the page")
    process.kill_chromium()
    thread.join(30)
    assert answers[0].status == 200
    assert "by script" in answers[0].text
    assert pages.hits["/late"] == before + 2


def test_eight_renders_whose_chromium_is_killed_succeed_or_say_when_to_retry(
    process: RendererProcess, pages: Pages
) -> None:
    client = process.client()
    before = pages.hits["/late"]
    answers: list[Answer] = []

    def render(number: int) -> None:
        # Each render has a timeout, after which no answer may come.
        answers.append(client.get("/render.html", url=f"{pages.url}/late?{number}", wait=1.5, timeout=30))

    threads = [threading.Thread(target=render, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: pages.hits["/late"] > before + 1, 10, "Chromium did not request the pages")
    process.kill_chromium()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 8
    for answer in answers:
        assert answer.status in (200, 503)
        assert "by script" in answer.text if answer.status == 200 else answer.headers["retry-after"]
    assert all("plain" in client.html(f"{pages.url}/plain") for _ in range(8))


SPLASH_OPTIONS = (
    "--disable-private-mode --disable-xvfb --xvfb-screen-size 1024x768 --maxrss 4000 --browser-engines chromium "
    "--argument-cache-max-entries 1 --dont-log-args url,body --disable-browser-caches -v3 -s 2 --ip 127.0.0.1 "
    "--js-cross-domain-access --allowed-schemes http,https,data --filters-path /nowhere --max-timeout 20"
)


def test_the_renderer_accepts_the_options_of_splash(tmp_path: Path, pages: Pages) -> None:
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
    logged = log.read_text()
    assert "--disable-private-mode does nothing" in logged
    assert "--filters-path /nowhere is not a folder" in logged
    assert "'argument': 'timeout'" in logged and "'argument': 'body'" in logged
    assert "GET request should not" not in logged


def test_without_caches_every_page_of_a_render_requests_its_images_again(pages: Pages) -> None:
    script = """
    function main(splash, args)
      splash:go(args.url) splash:wait(0.2) splash:go(args.url .. "?again") splash:wait(0.2)
    end"""
    with server("renderer", "--port", "0", "--exit-with-stdin", "-s", "1", "--disable-browser-caches") as url:
        client = Client(url)
        for _ in range(2):
            before = pages.hits["/cached.gif"]
            client.execute(script, url=f"{pages.url}/keeper")
            assert pages.hits["/cached.gif"] == before + 2


@pytest.mark.parametrize(
    "options", [("--browser-engines", "gecko"), ("--slots", "0"), ("--max-timeout", "-1")]
)
def test_the_renderer_refuses_options_with_impossible_values(options: tuple[str, ...]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "renderer", *options], cwd=ROOT, capture_output=True, timeout=20
    )
    assert ended.returncode == 2
