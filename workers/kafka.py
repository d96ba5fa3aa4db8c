"""Kafka as the engine: a consumer group whose members share the partitions of a topic. No message is sent."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from crawler.run.interfaces import PartitionMember
from models.redaction import redacted
from models.run import ClaimedRun
from workers.errors import WrongWorkersUrl

logger = logging.getLogger("splashdown.workers")

SESSION = 8_000  # milliseconds after which the broker takes the partitions from a member that is silent
DRAIN = 10.0  # seconds for which the group waits until this worker has given partitions up
ASK_AGAIN = 5.0  # seconds between two questions whether a broker that was away is back
LONGEST_PAUSE = 5.0  # seconds between two attempts to create the topic
CONNECT = 10.0  # seconds for an answer of a broker
AWAY = (
    KafkaError._TRANSPORT,
    KafkaError._RESOLVE,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._TIMED_OUT_QUEUE,
)


def settings_of(url: str) -> dict[str, Any]:
    """Return the settings of a client for the brokers of a URL."""
    userinfo, at, hosts = urlsplit(url).netloc.rpartition("@")
    settings: dict[str, Any] = {"bootstrap.servers": hosts, "log_level": 0}
    if at:
        user, _, password = userinfo.partition(":")
        settings |= {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": unquote(user),
            "sasl.password": unquote(password),
        }
    return settings


def topic_of(url: str, partitions: int) -> str:
    return urlsplit(url).path.strip("/") or f"splashdown.workers.{partitions}"


def what_to_do(errors: Sequence[KafkaError], netloc: str, topic: str, partitions: int) -> str:
    """Return in one line why a worker cannot use the brokers, and what to change.

    Args:
        errors: what the client has said, the last one last.
        netloc: of WORKERS_URL.
    """
    userinfo, _, hosts = netloc.rpartition("@")
    user = unquote(userinfo.partition(":")[0]) or "without a name"
    by_code = {error.code(): redacted(error.str()) for error in reversed(errors)}
    for code in (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED):
        if code in by_code:
            return f"Kafka at {hosts} refuses the user {user} with this password: {by_code[code]}"
    for code in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED):
        if code in by_code:
            return (
                f"Kafka at {hosts} does not let the user {user} use the topic {topic}: create it with {partitions} "
                "partitions, and permit the user to read it"
            )
    if KafkaError.GROUP_AUTHORIZATION_FAILED in by_code:
        return f"Kafka at {hosts} does not let the user {user} use groups: permit it the groups splashdown.*"
    said = redacted(errors[0].str())
    if all(error.code() in AWAY for error in errors):
        return f"no Kafka broker answers at {hosts} ({said}): check the host and the port, and start it"
    return f"Kafka at {hosts}: {said}"


def _topics(admin: AdminClient, errors: Sequence[KafkaError]) -> Collection[str]:
    """Return the names of the topics. Raise KafkaException as soon as the client knows that it gets no answer."""
    until = time.monotonic() + CONNECT
    while True:
        try:
            return admin.list_topics(timeout=1.0).topics.keys()
        except KafkaException:
            admin.poll(0)  # its errors come by a callback
            if errors or time.monotonic() > until:
                raise


def _create(admin: AdminClient, topic: str, partitions: int) -> None:
    """Create the topic; it may be there already."""
    for future in admin.create_topics([NewTopic(topic, partitions, -1)]).values():
        try:
            future.result(CONNECT)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
        except TimeoutError:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None


def _ask_for_group(settings: Mapping[str, Any], topic: str) -> None:
    """Raise KafkaException if the user may not use groups. Other errors pass: a new cluster has them for seconds."""
    consumer = Consumer({**settings, "group.id": "splashdown.check"})
    try:
        consumer.committed([TopicPartition(topic, 0)], timeout=CONNECT)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            raise
    finally:
        consumer.close()


class KafkaEngine:
    """``kafka://user:password@host:port,host:port/topic``; the default topic is ``splashdown.workers.PARTITIONS``."""

    is_fair = True

    def __init__(self, url: str, run: ClaimedRun) -> None:
        assert run.partitions is not None
        self.partitions = run.partitions
        self.topic = topic_of(url, run.partitions)
        self.settings = settings_of(url) | {
            "client.id": f"splashdown-worker-{run.worker}",
            "error_cb": self._note,
        }
        self.group = f"splashdown.{run.token}"
        self._member: PartitionMember | None = None
        self._stopping, self._paused, self._leaving = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="workers kafka", daemon=True)
        self._told = ""
        self.error: str | None = None

    @staticmethod
    def check(url: str, partitions: int) -> None:
        """Connect once, create the topic if it is missing, and ask for a group.

        Raises:
            WrongWorkersUrl: no broker answers, or it refuses the user or one of these operations.
        """
        errors: list[KafkaError] = []
        settings = settings_of(url) | {"client.id": "splashdown-check", "error_cb": errors.append}
        topic = topic_of(url, partitions)
        try:
            admin = AdminClient(settings)
            if topic not in _topics(admin, errors):
                _create(admin, topic, partitions)
            _ask_for_group(settings, topic)
        except KafkaException as error:
            reason = what_to_do([*errors, error.args[0]], urlsplit(url).netloc, topic, partitions)
            raise WrongWorkersUrl(f"WORKERS_URL: {reason}") from None

    def start(self, member: PartitionMember) -> None:
        self._member = member
        self._thread.start()

    def make_way(self) -> None:
        """Do nothing: the group knows how many partitions each member has."""

    def give_up(self, parts: Collection[int]) -> None:
        """Do nothing: the group moves partitions by itself."""

    def leave(self) -> None:
        """Leave the group. It moves the partitions when this worker has given all of them up, after DRAIN at most."""
        self._leaving.set()

    def pause(self) -> None:
        self._paused.set()

    def resume(self) -> None:
        self._paused.clear()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=5)

    # --- In the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        self._create_topic()
        while not self._stopping.is_set():
            if self._paused.is_set() or self._leaving.is_set():
                self._stopping.wait(0.2)
            else:
                self._take_part()

    def _take_part(self) -> None:
        """Be a member of the group until this worker pauses, leaves or ends."""
        consumer = Consumer(
            self.settings
            | {
                "group.id": self.group,
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": SESSION,
                "heartbeat.interval.ms": SESSION // 4,
                "enable.auto.commit": False,
                "auto.offset.reset": "latest",
                "topic.metadata.refresh.interval.ms": 10_000,
            }
        )
        asked_at = 0.0
        consumer.subscribe(
            [self.topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
        )
        try:
            while not (self._stopping.is_set() or self._paused.is_set() or self._leaving.is_set()):
                message = consumer.poll(0.2)
                error = message.error() if message is not None else None
                if error is not None:
                    self._note(error)
                if self.error is not None and time.monotonic() - asked_at > ASK_AGAIN:
                    asked_at = time.monotonic()
                    self._ask(consumer)
        finally:
            consumer.close()

    def _create_topic(self) -> None:
        pause = 0.2
        while not self._stopping.is_set():
            try:
                admin = AdminClient(self.settings)
                known = admin.list_topics(timeout=10).topics.get(self.topic)
                if known is not None and known.error is None:
                    if len(known.partitions) != self.partitions:
                        logger.error(
                            "WORKERS_URL: the topic %s has %d partitions, and the run has %d: name another topic, "
                            "or set RUN_PARTITIONS",
                            self.topic,
                            len(known.partitions),
                            self.partitions,
                        )
                    return
                _create(admin, self.topic, self.partitions)
            except KafkaException as error:
                self._note(error.args[0])
            self._stopping.wait(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    def _ask(self, consumer: Consumer) -> None:
        """Find out whether a broker that was away is back."""
        with contextlib.suppress(KafkaException):
            consumer.list_topics(self.topic, timeout=1.0)
            self.error = None

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        assert self._member is not None
        self.error = None
        consumer.incremental_assign(partitions)
        for one in partitions:
            if one.partition < self.partitions:
                self._member.assigned(one.partition)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Give partitions up. The group does not assign them to another member before this returns."""
        assert self._member is not None
        given_up = [self._member.revoked(one.partition) for one in partitions]
        until = time.monotonic() + DRAIN
        for event in given_up:
            if not (self._stopping.is_set() or self._paused.is_set()):
                event.wait(max(0.0, until - time.monotonic()))
        consumer.incremental_unassign(partitions)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Hand out nothing more: other members may have the partitions."""
        assert self._member is not None
        for one in partitions:
            self._member.revoked(one.partition)
        consumer.incremental_unassign(partitions)

    def _note(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN or self.error is None:
            self.error = redacted(error.str())
        if (message := redacted(error.str())) != self._told:
            self._told = message
            logger.warning("WORKERS_URL: Kafka: %s", message)
