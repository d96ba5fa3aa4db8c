"""A receiver of webhooks that answers 204 to every POST; ``python -m benchmarks.webhook_receiver`` prints its port."""

from __future__ import annotations

import asyncio
import re
import sys

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Receiver(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(self.received, 0, end)
            end += 4 + (int(length[1]) if length else 0)
            if len(self.received) < end:
                return
            self.received = self.received[end:]
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")  # type: ignore[attr-defined]


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    reader = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await reader  # until the parent process ends


if __name__ == "__main__":
    asyncio.run(main())
