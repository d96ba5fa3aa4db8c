"""A site of tiny pages, as fast as a Python server can be; ``python -m benchmarks.site`` prints its port."""

from __future__ import annotations

import asyncio
import sys


class Site(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        for request in data.split(b"\r\n\r\n")[:-1]:
            number = int(request.split(b" ", 2)[1].rpartition(b"/")[2] or 0)
            body = (
                f"<html><body><h1>Page {number}</h1><p class='price'>£{number % 90 + 10}.99</p></body></html>"
            ).encode()
            self.transport.write(  # type: ignore[attr-defined]
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s"
                % (len(body), body)
            )


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Site, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    reader = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await reader  # until the parent process ends


if __name__ == "__main__":
    asyncio.run(main())
