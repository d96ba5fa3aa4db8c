"""A site of many hosts, all on loopback addresses and one port. It notes every request.

python -m tests.workers.hosts_site --hosts 40 --pages 100 --log requests.jsonl
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiohttp import web

TAGS = 20


def host_name(number: int) -> str:
    """Return the address of a host: Linux has all of 127.0.0.0/8 on loopback.

    HOSTS_NETWORK is another network of 16 bits, which this machine has (``ip route add local 10.77.0.0/16 dev lo``).
    """
    return f"{os.environ.get('HOSTS_NETWORK', '127.0')}.{2 + number // 200}.{1 + number % 200}"


def title_of(host: int, number: int, day: int) -> str:
    changes = (host * 31 + number) % 7 == 0
    return f"page {number} of host {host}, version {day if changes else 1}"


def pages_of(pages: int, host: int, day: int) -> int:
    """Return how many pages a host has: on the second day a few hosts have fewer."""
    return pages - (3 if day > 1 and host % 5 == 0 else 0)


def links_of(hosts: int, pages: int, host: int, number: int, day: int) -> Iterator[tuple[int, int]]:
    """Yield the hosts and numbers of the pages to which a page links."""
    dice = random.Random(f"{host} {number}")
    if number == 0:
        if host + 1 < hosts:
            yield host + 1, 0
        yield from ((host, other) for other in range(1, min(4, pages_of(pages, host, day))))
    for other in (2 * number + 2, 2 * number + 3):
        if other < pages_of(pages, host, day):
            yield host, other
    for _ in range(2):  # also found by other hosts at the same time
        other_host = dice.randrange(hosts)
        yield other_host, dice.randrange(pages_of(pages, other_host, day))


class HostsSite:
    """The site.

    Args:
        log: a file that gets a JSON line for each answer: its begin and end in seconds, host, page and worker.
        delay: seconds that an answer takes.
    """

    def __init__(self, hosts: int, pages: int, log: Path | None, delay: float) -> None:
        self.hosts, self.pages, self.delay, self.day = hosts, pages, delay, 1
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.names = {host_name(number): number for number in range(hosts)}
        self.log = log.open("a", buffering=1) if log is not None else None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        began = time.monotonic()
        if request.path.startswith("/day/"):
            self.day = int(request.path.rpartition("/")[2])
            return web.Response(text="")
        if request.path in ("/hold", "/release"):  # answers to pages wait between the two
            (self.is_open.clear if request.path == "/hold" else self.is_open.set)()
            return web.Response(text="")
        await self.is_open.wait()
        host, number = self.names[request.host.partition(":")[0]], int(request.path.strip("/"))
        if self.delay:
            await asyncio.sleep(self.delay)
        port = request.host.rpartition(":")[2]
        body: dict[str, Any] = {
            "host": host_name(host),
            "number": number,
            "title": title_of(host, number, self.day),
            "tag": f"tag {(host + number) % TAGS}",
            "links": [
                f"http://{host_name(other)}:{port}/{page}"
                for other, page in links_of(self.hosts, self.pages, host, number, self.day)
            ],
        }
        if self.log is not None:
            line = [began, time.monotonic(), host, number, request.headers.get("X-Worker", "")]
            self.log.write(json.dumps(line) + "\n")
        return web.json_response(body)


async def serve(site: HostsSite) -> None:
    application = web.Application()
    application.router.add_get("/{path:.*}", site.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    port = 0
    for name in site.names:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((name, port))
        port = listener.getsockname()[1]
        await web.SockSite(runner, listener).start()
    print(f"listening on http://{host_name(0)}:{port}", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--delay", type=float, default=0.0)
    options = parser.parse_args()
    asyncio.run(serve(HostsSite(options.hosts, options.pages, options.log, options.delay)))


if __name__ == "__main__":
    main()
