"""RabbitMQ as the engine: a queue with a single active consumer for each partition.

The active consumer of a queue gets its messages, which are *ticks*: each says that this worker may work on the
partition, and is acknowledged at once. All workers publish ticks, and a queue keeps one. A worker without a tick hands
out nothing more: its connection may be gone, and another worker may be the active one.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import random
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import pika
from pika.exceptions import (
    AMQPError,
    ChannelClosedByBroker,
    IncompatibleProtocolError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from crawler.run.interfaces import PartitionMember
from models.error_text import error_line
from models.redaction import redacted
from models.run import ClaimedRun
from models.worker import WORKER_TIMEOUT
from workers.errors import WrongWorkersUrl

logger = logging.getLogger("splashdown.workers")
logging.getLogger("pika").setLevel(logging.CRITICAL)  # it tells of each step; this engine tells in one line

TICK = 1.5  # seconds between two ticks of a worker
SILENCE = 4 * TICK  # seconds without a tick after which a worker does not hand out requests of the partition
EXPIRES = 3_600_000  # milliseconds after which RabbitMQ deletes a queue that nobody uses
LONGEST_PAUSE = 5.0  # seconds between two attempts to connect


def what_to_do(error: Exception, parameters: pika.ConnectionParameters) -> str:
    """Return in one line why a worker cannot use the broker, and what to change."""
    user = parameters.credentials.username
    broker = f"RabbitMQ at {parameters.host}:{parameters.port}"
    if isinstance(error, ProbableAuthenticationError):
        return f"{broker} refuses the user {user} with this password"
    if isinstance(error, ProbableAccessDeniedError):
        return (
            f"{broker} has no virtual host {parameters.virtual_host!r} for the user {user}: write / as %2F, create the "
            "virtual host, or give the user permissions in it"
        )
    if isinstance(error, ChannelClosedByBroker):
        return (
            f"{broker}: {redacted(error.reply_text)}: the user {user} needs the permissions configure, write and read "
            "for the queues splashdown.* and for amq.default"
        )
    if isinstance(error, ssl.SSLError):
        return f"{broker}: {redacted(error_line(error))}: use amqp:// for a port without TLS"
    if isinstance(error, IncompatibleProtocolError):
        return (
            f"{broker} does not speak AMQP 0.9.1: write its port for AMQP, and amqps:// for a port with TLS"
        )
    why = redacted(error_line(_cause(error)))
    return f"{broker} does not answer ({why}): check the host and the port, and start it"


def _cause(error: Exception) -> Exception:
    """Return the error of the socket that pika has put into its own errors."""
    inner = (*getattr(error, "exceptions", ()), getattr(error, "exception", None), *error.args)
    return next((_cause(one) for one in inner if isinstance(one, Exception)), error)


class RabbitEngine:
    """``amqp(s)://user:password@host:port/vhost``"""

    is_fair = False  # the first consumer is the active one of all queues, and stays it

    def __init__(self, url: str, run: ClaimedRun) -> None:
        assert run.partitions is not None
        self.parameters = pika.URLParameters(url)
        self.parameters.heartbeat = int(WORKER_TIMEOUT.total_seconds() // 2)
        self.parameters.blocked_connection_timeout = WORKER_TIMEOUT.total_seconds()
        self.parameters.client_properties = {
            "connection_name": f"splashdown worker {run.worker} of run {run.id}"
        }
        self.prefix = f"splashdown.{run.token}"
        self.parts = range(run.partitions)
        self._member: PartitionMember | None = None
        self._thread = threading.Thread(target=self._run, name="workers rabbitmq", daemon=True)
        self._stopping, self._paused, self._leaving = threading.Event(), threading.Event(), threading.Event()
        self._orders: queue.SimpleQueue[Callable[[Any], None]] = queue.SimpleQueue()
        self.error: str | None = None
        self._ticked: dict[
            int, float
        ] = {}  # when the last tick came, of the partitions that are this worker's

    def start(self, member: PartitionMember) -> None:
        self._member = member
        self._thread.start()

    def make_way(self) -> None:
        """Become the last in the row of the queues of other workers: a new worker is before this one then."""
        self._orders.put(self._stand_last)

    def give_up(self, parts: Collection[int]) -> None:
        """Let another worker become the active consumer. This one is the last in the row then."""
        for part in parts:
            self._orders.put(partial(self._subscribe_again, part=part))

    def leave(self) -> None:
        self._leaving.set()
        self._orders.put(self._cancel_others)

    def pause(self) -> None:
        self._paused.set()

    def resume(self) -> None:
        self._paused.clear()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=5)

    @staticmethod
    def check(url: str, _partitions: int) -> None:
        """Connect once, and do what the engine does with a queue of its own.

        Raises:
            WrongWorkersUrl: the broker does not answer, or refuses the user or one of these operations.
        """
        try:
            parameters = pika.URLParameters(url)
        except ValueError as error:
            raise WrongWorkersUrl(f"WORKERS_URL: it cannot be read: {redacted(error_line(error))}") from None
        try:
            with pika.BlockingConnection(parameters) as connection:
                channel = connection.channel()
                name = f"splashdown.check.{uuid.uuid4().hex}"
                channel.queue_declare(name, exclusive=True)
                channel.confirm_delivery()
                channel.basic_publish("", name, b"")
                channel.basic_get(name, auto_ack=True)
        except (AMQPError, OSError) as error:
            raise WrongWorkersUrl(f"WORKERS_URL: {what_to_do(error, parameters)}") from None

    # --- In the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        pause, told = 0.2, ""
        while not self._stopping.is_set():
            if self._paused.is_set():
                self._forget_silent(0.0)
                self._stopping.wait(0.2)
                continue
            try:
                connection = pika.BlockingConnection(self.parameters)
                try:
                    channel = self._open(connection)
                    pause, told, self.error = 0.2, "", None
                    self._serve(connection, channel)
                finally:
                    with contextlib.suppress(AMQPError):  # it is closed already
                        connection.close()
            except (AMQPError, OSError) as error:
                message = redacted(error_line(error, with_type=True))
                self.error = message
                if message != told:
                    told = message
                    logger.warning("WORKERS_URL: no connection to RabbitMQ, trying again: %s", message)
            self._forget_silent()
            self._stopping.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(LONGEST_PAUSE, 2 * pause)

    def _open(self, connection: pika.BlockingConnection) -> Any:
        channel = connection.channel()
        for part in random.sample(self.parts, len(self.parts)):
            arguments = {
                "x-queue-type": "quorum",
                "x-single-active-consumer": True,
                "x-max-length": 1,
                "x-message-ttl": int(2 * TICK * 1000),
                "x-expires": EXPIRES,
            }
            channel.queue_declare(self._queue_of(part), durable=True, arguments=arguments)
            if not self._leaving.is_set():
                self._subscribe(channel, part)
        return channel

    def _queue_of(self, part: int) -> str:
        return f"{self.prefix}.{part}"

    def _subscribe(self, channel: Any, part: int) -> None:
        channel.basic_consume(
            self._queue_of(part),
            lambda _channel, _method, _properties, _body: self._tick_came(part),
            auto_ack=True,
            consumer_tag=f"part-{part}",
        )

    def _subscribe_again(self, channel: Any, part: int) -> None:
        assert self._member is not None
        channel.basic_cancel(f"part-{part}")
        if self._ticked.pop(part, None) is not None:
            # The member has given it up; but if the connection was lost since, it may have been assigned again.
            self._member.revoked(part)
        if not self._leaving.is_set():
            self._subscribe(channel, part)

    def _stand_last(self, channel: Any) -> None:
        for part in self.parts:
            if part not in self._ticked:
                self._subscribe_again(channel, part)

    def _cancel_others(self, channel: Any) -> None:
        """Become the active consumer of no more queues."""
        for part in self.parts:
            if part not in self._ticked:
                channel.basic_cancel(f"part-{part}")

    def _serve(self, connection: pika.BlockingConnection, channel: Any) -> None:
        tick_at = 0.0
        while not self._stopping.is_set() and not self._paused.is_set():
            if time.monotonic() >= tick_at:
                tick_at = time.monotonic() + TICK
                for part in self.parts:
                    channel.basic_publish("", self._queue_of(part), b"")
            connection.process_data_events(time_limit=0.2)
            self._forget_silent()
            while not self._orders.empty():
                self._orders.get()(channel)

    def _tick_came(self, part: int) -> None:
        assert self._member is not None
        is_new = part not in self._ticked
        self._ticked[part] = time.monotonic()
        if is_new:
            self._member.assigned(part)

    def _forget_silent(self, silence: float = SILENCE) -> None:
        """Tell of the partitions without a tick for so many seconds."""
        assert self._member is not None
        now = time.monotonic()
        for part in [part for part, ticked in self._ticked.items() if now - ticked >= silence]:
            del self._ticked[part]
            self._member.revoked(part)
