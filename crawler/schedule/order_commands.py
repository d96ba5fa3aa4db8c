"""The command line of each order that a scheduler carries out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from models.crawl_order import ACCEPT, REPLAY, SAVE_TEST, SEND_AGAIN, START
from models.scheduler import TakenOrder
from models.secret_names import may_be_secret

SNAPSHOT = re.compile(r"[0-9]{1,12}/[0-9]{1,15}")


class WrongOrder(Exception):
    """The order cannot be carried out; the message says why, in one line."""


def crawl_arguments(order: TakenOrder) -> dict[str, str]:
    """Return the spider's arguments of a START.

    Raises:
        WrongOrder: they are no texts by name, or one of them is a secret: an order is stored.
    """
    given = order.arguments.get("arguments") or {}
    if not isinstance(given, Mapping):
        raise WrongOrder("the arguments of the crawl must be texts by name")
    found = {}
    for name, value in given.items():
        if not re.fullmatch(r"[^\W\d]\w*", str(name)) or not isinstance(value, str | int | float):
            raise WrongOrder(f"{str(name)[:50]!r} is no name of an argument, or its value is no text")
        if may_be_secret(str(name)):
            raise WrongOrder(
                f"the argument {name} is a secret, and an order is stored: set it in .env, or start this crawl by hand"
            )
        if "\0" in str(value):
            raise WrongOrder(f"the argument {name} has a NUL character")
        found[str(name)] = str(value)
    return found


def command_of(order: TakenOrder) -> list[str]:
    """Return the arguments of ``scrapy`` that carry the order out.

    Raises:
        WrongOrder: the order names no spider, run or snapshot, or its arguments are wrong.
    """
    make = COMMANDS.get(order.kind)
    if make is None:
        raise WrongOrder(f"no scheduler carries out an order {order.kind!r}")
    return make(order)


def _start(order: TakenOrder) -> list[str]:
    if not order.spider:
        raise WrongOrder("the order names no spider")
    options = [part for name, value in crawl_arguments(order).items() for part in ("-a", f"{name}={value}")]
    chosen = [
        option
        for key, option in (("failed_only", "--failed-only"), ("fresh", "--fresh"))
        if order.arguments.get(key)
    ]
    if len(chosen) > 1:
        raise WrongOrder("--failed-only and --fresh exclude each other")
    return ["crawl", order.spider, *options, *chosen, "-s", f"RUN_ORDER={order.id}"]


def _snapshot(order: TakenOrder) -> str:
    name = str(order.arguments.get("snapshot") or "")
    if not SNAPSHOT.fullmatch(name):
        raise WrongOrder("the order must name its snapshot as RUN/NUMBER, such as 7/12")
    return name


def _accept(order: TakenOrder) -> list[str]:
    if order.run_id is None:
        raise WrongOrder("the order names no run")
    return ["runs", "accept", str(order.run_id), f"--by={order.asked_by}"]


def _send_again(order: TakenOrder) -> list[str]:
    sink: Any = order.arguments.get("sink")
    if sink is not None and (not isinstance(sink, str) or not sink or "\0" in sink):
        raise WrongOrder("the name of the sink is no text")
    return ["events", "--retry", *([f"--sink={sink}"] if sink else [])]


COMMANDS = {
    START: _start,
    REPLAY: lambda order: ["replay", "--page", _snapshot(order)],
    SAVE_TEST: lambda order: ["replay", "--save-test", "--page", _snapshot(order)],
    ACCEPT: _accept,
    SEND_AGAIN: _send_again,
}
