"""``python -m demo``: options, start and end of the process."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.demo.visits import visit
from tests.processes import ROOT, server


@contextmanager
def demo(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yield the process and its address. The process is killed at the end, if the test has not ended it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "demo", "--port", "0", "--books", "20", *options],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().removeprefix("listening on http://").strip()
    finally:
        process.kill()
        process.communicate()


def run_refused(*options: str) -> tuple[int, str]:
    """Run the demo with options that it refuses; return its exit code and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "demo", *options],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.stdout == "" and "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_during_a_response_that_never_ends(number: signal.Signals) -> None:
    with demo() as (process, address), closing(http.client.HTTPConnection(address, timeout=10)) as connection:
        connection.request("GET", "/slow-tail/pixel")
        assert connection.getresponse().status == 200
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(10) == 0
        assert time.monotonic() - began < 3
        assert process.stderr is not None and process.stderr.read() == ""


def test_the_server_ends_with_its_standard_input() -> None:
    with demo("--exit-with-stdin") as (process, _):
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None  # or communicate() would flush it
        assert process.wait(10) == 0


def test_without_the_option_the_server_outlives_its_standard_input() -> None:
    with demo() as (process, address):
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        assert visit(f"http://{address}/healthz").text == "ok"


def test_the_server_logs_requests_only_with_the_option() -> None:
    for options, lines in {(): 0, ("--log-requests",): 1}.items():
        with demo(*options) as (process, address):
            visit(f"http://{address}/healthz")
            process.terminate()
            process.wait(10)
            assert process.stderr is not None
            assert process.stderr.read().count('"GET /healthz HTTP/1.1" 200') == lines


def test_a_port_in_use_is_an_error_in_one_line() -> None:
    with server("demo", "--port", "0", "--books", "1", "--exit-with-stdin") as url:
        port = url.rsplit(":", 1)[1]
        code, said = run_refused("--port", port)
    assert code == 1
    assert f"port {port} is in use" in said and "--port" in said and said.count("\n") == 1


@pytest.mark.parametrize("options", [("--day", "0"), ("--day", "-1"), ("--day", "x"), ("--port", "70000")])
def test_the_error_for_a_wrong_option_names_the_right_values(options: tuple[str, str]) -> None:
    code, said = run_refused(*options)
    assert code == 2
    assert f"argument {options[0]}" in said.splitlines()[-1] and "is not a number from" in said
