"""The choice of the engine by WORKERS_URL, and its checks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from crawler.run.interfaces import PartitionEngine
from models.run import ClaimedRun
from workers.errors import WrongWorkersUrl

# Imported when they are used: other crawls need not pay for their clients.
ENGINES = {
    "amqp": ("workers.rabbitmq", "RabbitEngine"),
    "amqps": ("workers.rabbitmq", "RabbitEngine"),
    "kafka": ("workers.kafka", "KafkaEngine"),
}


def engine_of(url: str, partitions: int) -> Callable[[ClaimedRun], PartitionEngine]:
    """Connect to the broker of a URL, and return what makes its engine (the setting PARTITION_ENGINE names this).

    Args:
        partitions: of a run that is begun.

    Raises:
        WrongWorkersUrl: the URL has another scheme, or a part that cannot be read; or its broker does not answer,
            refuses the user, or does not let the user do what the engine does.
    """
    engine = engine_class(url)
    engine.check(url, partitions)
    return partial(engine, url)


def engine_class(url: str) -> Any:
    """Return the class of the engine of a URL.

    Raises:
        WrongWorkersUrl: the URL has another scheme, or a part that cannot be read.
    """
    scheme = url.partition(":")[0]
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.netloc) and (scheme == "kafka" or parts.port != 0)
    except ValueError:
        is_whole = False
    if scheme not in ENGINES or not is_whole:
        raise WrongWorkersUrl(
            f"WORKERS_URL begins with {scheme[:20]!r}: write amqp://user:password@host:port/vhost (RabbitMQ), "
            "kafka://host:port,host:port/topic, or nothing: then workers agree in the database"
        )
    module, name = ENGINES[scheme]
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise WrongWorkersUrl(
            f"WORKERS_URL: {scheme}:// needs the package {error.name}: pip install 'splashdown[events]'"
        ) from None
