"""A site of small pages, as fast as a Python server can be; ``python -m benchmarks.site [ADDRESS [SECONDS]]``
prints its port.

``/NUMBER`` is a page with one product, ``/list/NUMBER`` a page with ``ROWS`` books. With the address 0.0.0.0 the site
has many hosts: Linux has all of 127.0.0.0/8 on loopback. An answer takes so many seconds.
"""

from __future__ import annotations

import asyncio
import sys

ROWS = 30


def page(path: bytes) -> str:
    """Return the HTML of a path."""
    folder, _, last = path.rpartition(b"/")
    number = int(last or 0)
    if folder == b"/list":
        return f"<html><body>{''.join(book(number * ROWS + n) for n in range(ROWS))}</body></html>"
    return f"<html><body><h1>Page {number}</h1><p class='price'>£{number % 90 + 10}.99</p></body></html>"


def book(number: int) -> str:
    """Return the HTML of a book in a list."""
    return (
        f"<article id='B{number}'><h1>The book with the number {number}</h1><p class='author'>A. Author</p>"
        f"<p class='price'>£1,{number % 900 + 100}.99</p><p class='stock'>In stock ({number % 50} available)</p>"
        f"<time>{number % 28 + 1} May {2000 + number % 20}</time></article>"
    )


class Site(asyncio.Protocol):
    seconds = 0.0  # that an answer takes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        for request in data.split(b"\r\n\r\n")[:-1]:
            path = request.split(b" ", 2)[1]
            if self.seconds:
                asyncio.get_running_loop().call_later(self.seconds, self.answer, path)
            else:
                self.answer(path)

    def answer(self, path: bytes) -> None:
        body = page(path).encode()
        self.transport.write(  # type: ignore[attr-defined]
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s"
            % (len(body), body)
        )


async def main(address: str) -> None:
    server = await asyncio.get_running_loop().create_server(Site, address, 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    reader = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await reader  # until the parent process ends


if __name__ == "__main__":
    Site.seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"))
