"""A broker of MQTT 5 says how many packets without an acknowledgement it takes, and may disconnect who sends more."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from select import select

from outbox.event import Event
from outbox.sink import SENT, Outcome
from outbox.sinks import make_sink
from tests.outbox.events import address
from tests.outbox.test_batches import events

MOST = 2
CONNECT, PUBLISH = 1, 3
PAUSE = 0.05  # seconds without a packet, after which the client waits for an acknowledgement


class SmallBroker(threading.Thread):
    """Takes MOST open packets, and acknowledges them when the client waits; ``most_open`` is how many there were.

    It ends after ``last`` acknowledgements.
    """

    def __init__(self, listener: socket.socket, last: int) -> None:
        super().__init__(daemon=True)
        self.listener, self.left = listener, last
        self.most_open = 0

    def run(self) -> None:
        connection, _ = self.listener.accept()
        received, waiting = bytearray(), list[bytes]()
        with connection:
            while True:
                if not select([connection], [], [], PAUSE)[0]:
                    some = waiting[: self.left]
                    connection.sendall(b"".join(b"\x40\x02" + packet for packet in some))
                    waiting.clear()
                    self.left -= len(some)
                    if not self.left:
                        return
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


def sent(events: Sequence[Event], *, options: str = "", last: int = 100) -> tuple[Sequence[Outcome], int]:
    """Send events to a broker; return what became of them, and how many packets were open at most."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        broker = SmallBroker(listener, last)
        broker.start()
        sink = make_sink(address(f"mqtt://127.0.0.1:{listener.getsockname()[1]}{options}"))
        sink.open()
        try:
            outcomes = sink.send(events)
        finally:
            sink.close()
        broker.join(30)
    return outcomes, broker.most_open


def test_no_more_packets_are_open_than_the_broker_takes() -> None:
    assert sent(events(7)) == ([SENT] * 7, MOST)


def test_a_topic_that_mqtt_has_not_is_refused_and_its_neighbours_are_sent() -> None:
    several = events(7)
    for position in (0, 4, 6):
        several[position] = several[position]._replace(table_name="a#b")
    outcomes, _ = sent(several)
    assert [one.sent for one in outcomes] == [False, True, True, True, False, True, False]
    assert outcomes[0].refused and outcomes[4].refused and outcomes[6].refused


def test_an_event_is_sent_when_both_its_packets_are_acknowledged() -> None:
    outcomes, _ = sent(events(4), options="?retain=1", last=5)
    assert [one.sent for one in outcomes] == [True, True, False, False]
    assert outcomes[2].failed and outcomes[3].failed
