"""What the tests of brokers need: a place of their own in a shared broker, or a broker that only one test uses.

A test that kills a broker, fills it or changes its configuration takes one of its own: ``own_broker``.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import ProxyHandler, Request, build_opener

from scripts.lib.broker_check import refusal
from scripts.lib.brokers import BROKERS, NotInstalled
from tests.object_store import object_store
from tests.processes import ROOT
from tests.services import not_tested


def unique_name(kind: str) -> str:
    """Return a name for a queue, a topic or a group that no other test has, here or in another process."""
    return f"{kind}-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-{uuid.uuid4().hex[:12]}"


# --- RabbitMQ's virtual hosts ----------------------------------------------------------------------------------------


def rabbitmq_api(method: str, path: str, body: object = None, api: str = "") -> Any:
    """Call the HTTP API of a RabbitMQ, by default of the shared one: ``rabbitmq_api("GET", "/api/vhosts")``."""
    url = urlsplit(api or os.environ["TEST_RABBITMQ_API_URL"])
    login = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
    request = Request(
        f"http://{url.hostname}:{url.port}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"},
    )
    with build_opener(ProxyHandler({})).open(request, timeout=30) as response:
        text = response.read()
    return json.loads(text) if text else None


@contextlib.contextmanager
def virtual_host(url: str) -> Iterator[str]:
    """Create a virtual host in the shared RabbitMQ, and yield the URL with it. At the end, delete it with its queues.

    A server that TEST_RABBITMQ_URL names may have no HTTP API. Then the tests use the virtual host of its URL.
    """
    if not os.environ.get("TEST_RABBITMQ_API_URL"):
        yield url
        return
    name = unique_name("splashdown")
    rabbitmq_api("PUT", f"/api/vhosts/{name}")  # RabbitMQ gives its creator all permissions
    try:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{quote(name, safe='')}"))
    finally:
        rabbitmq_api("DELETE", f"/api/vhosts/{name}")


def with_virtual_host_of(other: str, url: str) -> str:
    """Return the URL with the virtual host of another URL."""
    return urlunsplit(urlsplit(url)._replace(path=urlsplit(other).path))


# --- A broker that only one test uses --------------------------------------------------------------------------------


class OwnBroker:
    """A broker that a test starts, ends, kills and starts again. Its URLs and its data stay the same.

    It ends with the thread that started it.
    """

    def __init__(self, name: str, folder: Path, *options: str) -> None:
        """Prepare the broker in a folder. The names and the options are those of BROKERS."""
        self.folder = folder
        self.log = folder / "output.log"
        self.process: subprocess.Popen[bytes] | None = None
        installed = ROOT / "data" / "services" / name / "program"
        if name in ("kafka", "tansu") and not installed.exists():
            not_tested(f"a {name} of its own (scripts/services start {name} installs it)")
        try:
            broker = BROKERS[name](folder, installed.read_text() if installed.exists() else "", *options)
        except NotInstalled as error:
            not_tested(str(error))
        broker.write(folder)
        self.urls = dict(broker.urls)  # by the variables of the shared one: TEST_RABBITMQ_URL, ...
        self.url = next(iter(self.urls.values()))

    def start(self, deadline: float = 60) -> None:
        """Start the broker, and return when it accepts connections."""
        assert self.process is None, "the broker was started already"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", str(self.folder / "start")],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a process group: RabbitMQ has a port mapper in it
            )
        end = time.monotonic() + deadline
        while refusal(self.url):
            if self.has_ended() or time.monotonic() > end:
                self.kill()
                raise AssertionError(f"{self.folder.name} did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.1)

    @property
    def pid(self) -> int:
        assert self.process is not None, "the broker is not running"
        return self.process.pid

    def kill(self) -> None:
        """End the broker at once, as kill -9 does."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self, deadline: float = 30) -> None:
        """Ask the broker to end, and wait until it has."""
        if self.process is not None:
            self.process.terminate()
            end = time.monotonic() + deadline
            while not self.has_ended():
                assert time.monotonic() < end, f"{self.folder.name} does not end"
                time.sleep(0.05)
            self.kill()  # what it has started

    def has_ended(self) -> bool:
        # WNOWAIT: the process keeps its pid, and so its group, until kill() waits for it.
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def wait_for_quorum_queue(self, name: str, deadline: float = 30) -> None:
        """Wait until RabbitMQ has stored that the queue exists, which it does up to a second after it says so.

        If it is killed before, the confirmed messages are in its log, but it does not open the queue again.
        """
        (file,) = self.folder.glob("quorum/*/names.dets")
        end = time.monotonic() + deadline
        while name.encode() not in file.read_bytes():
            assert time.monotonic() < end, f"{name} is not in {file}"
            time.sleep(0.05)

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl for a RabbitMQ and return its output: ``ctl("add_vhost", "shop/orders")``."""
        command = [str(self.folder / "ctl"), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@contextlib.contextmanager
def own_broker(name: str, folder: Path) -> Iterator[OwnBroker]:
    """Run a broker during the block: rabbitmq, mosquitto, kafka or tansu.

    noida-db (kafka) stores messages only when it ends, and when none came for half a second: kill it only then. This
    Tansu stores each message in an object store, which is in this process, before it confirms the message. But after a
    kill it takes a message that is sent again for a repeated one, and does not store it: a test that kills it has
    producers with ``enable.idempotence: False`` and ``max.in.flight: 1``.
    """
    with contextlib.ExitStack() as stack:
        options = [stack.enter_context(object_store()).url] if name == "tansu" else []
        broker = OwnBroker(name, folder, *options)
        stack.callback(broker.kill)
        broker.start()
        yield broker
