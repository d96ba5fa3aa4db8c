"""A broker of MQTT 5 says how many packets without an acknowledgement it takes, and may disconnect who sends more."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from select import select

from outbox.sink import SENT
from outbox.sinks import make_sink
from tests.outbox.events import address
from tests.outbox.test_batches import events

MOST = 2
CONNECT, PUBLISH = 1, 3
PAUSE = 0.05  # seconds without a packet, after which the client waits for an acknowledgement


class SmallBroker(threading.Thread):
    """Takes MOST open packets, and acknowledges them when the client waits; ``most_open`` is how many there were."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(daemon=True)
        self.listener = listener
        self.most_open = 0

    def run(self) -> None:
        connection, _ = self.listener.accept()
        received, waiting = bytearray(), list[bytes]()
        with connection:
            while True:
                if not select([connection], [], [], PAUSE)[0]:
                    connection.sendall(b"".join(b"\x40\x02" + packet for packet in waiting))
                    waiting.clear()
                    continue
                data = connection.recv(65536)
                received += data
                for kind, body in packets(received):
                    if kind == CONNECT:
                        connection.sendall(b"\x20\x06\x00\x00\x03\x21\x00" + bytes([MOST]))
                    elif kind == PUBLISH:
                        end = 2 + int.from_bytes(body[:2], "big")  # of the topic
                        waiting.append(body[end : end + 2])
                        self.most_open = max(self.most_open, len(waiting))
                if not data:
                    return


def packets(received: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take the complete packets from the bytes; yield the kind and the body of each."""
    while len(received) > 1:
        length, at = 0, 1
        while at < len(received):
            length |= (received[at] & 127) << 7 * (at - 1)
            at += 1
            if received[at - 1] < 128:
                break
        if len(received) < at + length:
            return
        yield received[0] >> 4, bytes(received[at : at + length])
        del received[: at + length]


def test_no_more_packets_are_open_than_the_broker_takes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        broker = SmallBroker(listener)
        broker.start()
        sink = make_sink(address(f"mqtt://127.0.0.1:{listener.getsockname()[1]}"))
        sink.open()
        try:
            assert sink.send(events(7)) == [SENT] * 7
        finally:
            sink.close()
        broker.join(30)
    assert broker.most_open == MOST
