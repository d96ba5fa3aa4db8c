"""Commands that run until SIGTERM: the signal is a good end also while they start."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from tests.processes import ROOT

DEADLINE = 60.0  # seconds


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    "command",
    [("relay",), ("work",), ("schedule", "--run"), ("console", "--no-browser")],
    ids=lambda one: one[0],
)
def test_a_signal_while_a_command_starts_ends_it_well(
    command: tuple[str, ...], number: signal.Signals
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent_database:
        silent_database.settimeout(DEADLINE)
        process = subprocess.Popen(
            [sys.executable, "-m", "scrapy", *command],
            cwd=ROOT,
            env=os.environ
            | {
                "DATABASE_URL": f"mysql+pymysql://user:password@127.0.0.1:{silent_database.getsockname()[1]}/shop",
                "BROKER_URL": "stdout:",
                "SPLASHDOWN_ENV_FILE": "",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            connection, _ = silent_database.accept()  # the command waits for the first packet of the server
            process.send_signal(number)
            _, said = process.communicate(timeout=DEADLINE)
            connection.close()
        finally:
            process.kill()
            process.wait()
    assert process.returncode == 0, said[-3000:]
    assert "Traceback" not in said
