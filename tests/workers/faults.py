"""Faults of one worker, of the database and of the broker, and how long it takes until other workers go on.

python -m tests.workers.faults --database URL --fault kill freeze leave cut-database cut-broker kill-database

With --namespaces each worker has a network of its own, in which it reaches the database, the broker and the site:
ip route add local 10.77.0.0/16 dev lo; HOSTS_NETWORK=10.77 python -m tests.workers.faults --namespaces ...
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import CrawlRun, CrawlWorker
from tests.brokers import OwnBroker, own_broker, unique_name, virtual_host
from tests.frontier.private_mariadb import PrivateMariaDb, private_mariadb
from tests.workers.private_postgresql import PrivatePostgreSql, private_postgresql
from tests.workers.workers import Workers, moves, overlaps, shared_site, shortest_gaps

LONGEST = 400.0  # seconds that a run may take
CLONE_NEWNET = 0x40000000  # of setns(2)


class Proxy:
    """Forwards a port. While it is cut, bytes stay where they are, and nobody is told: as when a cable is pulled."""

    def __init__(self, host: str, port: int, namespace: str | None = None) -> None:
        """Forward a port of this process; or the same port of a namespace, since brokers tell clients their address."""
        self.target = (host, port)
        self.host = "127.0.0.1"
        self.listener = (
            socket.create_server((self.host, 0)) if namespace is None else listener_in(namespace, port)
        )
        self.port: int = self.listener.getsockname()[1]
        self.is_cut = False
        self._peers: dict[socket.socket, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.listener, selectors.EVENT_READ)
        threading.Thread(target=self._forward, daemon=True).start()

    def of(self, url: str) -> str:
        """Return the URL with this proxy as its server."""
        parts = urlsplit(url)
        userinfo = parts.netloc.rpartition("@")[0]
        return urlunsplit(
            parts._replace(netloc=f"{userinfo}{'@' if userinfo else ''}{self.host}:{self.port}")
        )

    def _forward(self) -> None:
        while True:
            if self.is_cut:
                time.sleep(0.05)
                continue
            for key, _ in self._selector.select(0.05):
                if self.is_cut:
                    break
                self._read(key.fileobj)  # type: ignore[arg-type]

    def _read(self, ready: socket.socket) -> None:
        if ready is self.listener:
            client, _ = self.listener.accept()
            try:
                server = socket.create_connection(self.target)
            except OSError:
                client.close()
                return
            for one, other in ((client, server), (server, client)):
                self._peers[one] = other
                self._selector.register(one, selectors.EVENT_READ)
            return
        peer = self._peers.get(ready)
        if peer is None:
            return  # the other side has closed the connection a moment ago
        try:
            data = ready.recv(65536)
            if data:
                peer.sendall(data)
        except OSError:
            data = b""
        if not data:
            for one in (ready, peer):
                self._selector.unregister(one)
                del self._peers[one]
                one.close()


def listener_in(namespace: str, port: int) -> socket.socket:
    """Return a socket that listens on loopback of a network namespace. What it accepts is answered from this one."""
    found: list[socket.socket] = []

    def listen() -> None:  # in a thread: only its namespace changes, and it ends
        with Path(f"/run/netns/{namespace}").open() as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"cannot enter the network namespace {namespace}")
        found.append(socket.create_server(("127.0.0.1", port)))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    return found[0]


@contextmanager
def network_namespace(number: int) -> Iterator[str]:
    """Yield the name of a network namespace whose only way is to this machine."""
    name, ours, theirs = f"splashdown{number}", f"spl{number}a", f"spl{number}b"

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True)

    ip("netns", "add", name)
    try:
        ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name)
        ip("addr", "add", f"10.78.{number}.1/24", "dev", ours)
        ip("link", "set", ours, "up")
        ip("-n", name, "addr", "add", f"10.78.{number}.2/24", "dev", theirs)
        ip("-n", name, "link", "set", theirs, "up")
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "route", "add", "default", "via", f"10.78.{number}.1")
        yield name
    finally:
        # The kernel deletes the links of a namespace later than the namespace, and the next fault makes new ones.
        subprocess.run(["ip", "link", "del", ours], check=False)
        ip("netns", "del", name)


class Campaign:
    """A run with a fault."""

    def __init__(self, options: argparse.Namespace, stack: ExitStack, folder: Path) -> None:
        self.options, self.stack, self.folder = options, stack, folder
        self.server: PrivateMariaDb | PrivatePostgreSql | None = None  # that may be killed
        self.broker: OwnBroker | None = None
        self.proxies: list[Proxy | None] = []
        self.pids: list[int] = []
        self.committed: int | None = None  # pages of the victim when it had no partition any more
        self.woken_at = 0.0

    def run(self, fault: str) -> str:
        options = self.options
        database, engine = options.database, os.environ.get("WORKERS_URL", "")
        if fault == "kill-database":
            is_mariadb = database.startswith("mysql")
            self.server = self.stack.enter_context(private_mariadb() if is_mariadb else private_postgresql())
            database = self.server.url
        if fault == "kill-broker":
            self.broker = self.stack.enter_context(own_broker(options.broker, self.folder / "broker"))
            engine = self.broker.urls["TEST_RABBITMQ_URL"]
        elif engine.startswith("amqp"):
            engine = self.stack.enter_context(virtual_host(engine))
        elif engine:
            # Workers of other databases would share the group of a run with the same id.
            engine = f"{engine}/{unique_name('workers')}"
        settings = {"DOWNLOAD_DELAY": options.download_delay, "RANDOMIZE_DOWNLOAD_DELAY": False}
        with shared_site(
            database, self.folder, hosts=options.hosts, pages=options.pages, delay=0.05, **settings
        ) as workers:
            for number in range(options.workers):
                self.start(workers, number, database, engine, fault)
            began = time.monotonic()
            wait_until(lambda: len(workers.shares()) == options.workers and workers.done() > 20)
            log = self.folder / "requests.jsonl"
            at = time.monotonic()
            before = workers.done() if self.server is None else 0
            victim = random.Random(options.seed).randrange(options.workers)
            told = FAULTS[fault](self, workers, victim)
            codes = workers.wait(LONGEST)
            if self.committed is not None:
                later = committed(workers, victim) - self.committed
                asked = requests(log, self.pids[victim], self.woken_at)
                told += f", after which it requested {asked} pages and committed {later}"
            faults = workers.faults(options.hosts, options.pages, 1)
            return (
                f"{fault}, seed {options.seed}: worker {victim} after {before} pages; {told}; the run took "
                f"{time.monotonic() - began:.0f} s, {at - began:.0f} of them before; overlaps "
                f"{sorted(overlaps(log), key=lambda one: -one[1])[:3]}; hosts {moves(log)}; short gaps "
                f"{shortest_gaps(log, options.download_delay)}; {faults or 'equal'}, {workers.digest()}; "
                f"codes {Counter(codes)}"
            )

    def start(self, workers: Workers, number: int, database: str, engine: str, fault: str) -> None:
        """Start a worker with a host name of its own, and with a proxy if it may be cut off."""
        env = {"WORKERS_URL": engine, "ALERT_URLS": ""}
        cut = {"cut-database": "DATABASE_URL", "cut-broker": "WORKERS_URL"}.get(fault)
        prefix = ("unshare", "--uts", "sh", "-c", f'hostname worker{number} && exec "$@"', "sh")
        namespace, proxy = None, None
        if self.options.namespaces:
            namespace = self.stack.enter_context(network_namespace(self.options.first_network + number))
            prefix = ("ip", "netns", "exec", namespace, *prefix)
        for variable, url in {"DATABASE_URL": database, "WORKERS_URL": engine}.items():
            if url and (namespace is not None or variable == cut):
                parts = urlsplit(url)
                forward = Proxy(parts.hostname or "127.0.0.1", parts.port or 0, namespace)
                proxy = forward if variable == cut else proxy
                env[variable] = forward.of(url)
        self.proxies.append(proxy)
        process = workers.start(prefix=prefix, env=env)
        wait_until(lambda: joined(workers) > number)
        self.pids.append(process.pid)

    # --- The faults ------------------------------------------------------------------------------------------------

    def kill(self, workers: Workers, victim: int) -> str:
        os.kill(self.pids[victim], signal.SIGKILL)
        return f"taken over after {take_over(workers, victim):.1f} s"

    def leave(self, workers: Workers, victim: int) -> str:
        os.kill(self.pids[victim], signal.SIGTERM)
        return f"taken over after {take_over(workers, victim):.1f} s"

    def freeze(self, workers: Workers, victim: int) -> str:
        os.kill(self.pids[victim], signal.SIGSTOP)
        seconds = take_over(workers, victim)
        time.sleep(2)
        self.committed, self.woken_at = committed(workers, victim), time.monotonic()
        os.kill(self.pids[victim], signal.SIGCONT)
        return f"taken over after {seconds:.1f} s, and woken up 2 s later"

    def cut(self, workers: Workers, victim: int) -> str:
        proxy = self.proxies[victim]
        assert proxy is not None
        proxy.is_cut = True
        seconds = take_over(workers, victim)
        time.sleep(2)
        self.committed, self.woken_at = committed(workers, victim), time.monotonic()
        proxy.is_cut = False
        return f"taken over after {seconds:.1f} s, and mended 2 s later"

    def kill_database(self, workers: Workers, _victim: int) -> str:
        assert self.server is not None
        self.server.kill()
        time.sleep(20)
        self.server.start()
        began, done = time.monotonic(), workers.done()
        wait_until(lambda: workers.done() > done)
        return f"dead for 20 s; a page was committed {time.monotonic() - began:.1f} s after it was back"

    def kill_broker(self, workers: Workers, _victim: int) -> str:
        assert self.broker is not None
        self.broker.kill()
        for name in ("mnesia", "quorum", "stream", "data", "coordination"):
            shutil.rmtree(self.broker.folder / name, ignore_errors=True)
        time.sleep(10)
        stopped = workers.done()
        self.broker.start()
        began = time.monotonic()
        wait_until(lambda: workers.done() > stopped + 5)
        return f"dead for 10 s and emptied; pages were committed {time.monotonic() - began:.1f} s after it was back"


FAULTS: dict[str, Callable[[Campaign, Workers, int], str]] = {
    "none": lambda *_: "no fault",
    "kill": Campaign.kill,
    "leave": Campaign.leave,
    "freeze": Campaign.freeze,
    "cut-database": Campaign.cut,
    "cut-broker": Campaign.cut,
    "kill-database": Campaign.kill_database,
    "kill-broker": Campaign.kill_broker,
}


def wait_until(is_so: Callable[[], Any], deadline: float = 120.0) -> None:
    until = time.monotonic() + deadline
    while not is_so():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.1)


def joined(workers: Workers) -> int:
    """Return how many workers have joined the last run."""
    with Session(workers.engine) as session:
        return session.scalar(select(CrawlRun.workers).order_by(CrawlRun.id.desc()).limit(1)) or 0


def committed(workers: Workers, number: int) -> int:
    """Return how many pages a worker of the last run has committed."""
    with Session(workers.engine) as session:
        mine = CrawlWorker.run_id == workers.last_run(), CrawlWorker.number == number
        return session.scalars(select(CrawlWorker.pages).where(*mine)).one()


def requests(log: Path, pid: int, since: float) -> int:
    """Return how many requests of a process began after a time."""
    lines = map(json.loads, log.read_text().splitlines())
    return sum(worker == str(pid) and began >= since for began, _, _, _, worker in lines)


def take_over(workers: Workers, victim: int) -> float:
    """Wait until the victim has no partition; return the seconds."""
    began = time.monotonic()
    wait_until(lambda: not workers.shares()[victim])
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", required=True)
    parser.add_argument("--fault", choices=FAULTS, nargs="+", default=["kill"])
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--hosts", type=int, default=30)
    parser.add_argument("--pages", type=int, default=50)
    parser.add_argument("--download-delay", type=float, default=1.0)
    parser.add_argument("--broker", default="rabbitmq")
    parser.add_argument(
        "--namespaces", action="store_true", help="each worker in a network of its own; HOSTS_NETWORK"
    )
    parser.add_argument("--first-network", type=int, default=0, help="number of the first worker's network")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    for fault in options.fault:
        folder = Path(tempfile.mkdtemp(prefix=f"{fault}-"))
        with ExitStack() as stack:
            print(Campaign(options, stack, folder).run(fault), folder, flush=True)


if __name__ == "__main__":
    main()
