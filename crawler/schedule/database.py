"""SchedulerDatabase: what a scheduler writes into the database and reads from it, in one transaction at a time."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from models.crawl_order import DONE, FAILED, START, end
from models.process_id import Process
from models.run import database_now
from models.scheduler import (
    Choice,
    SpiderFacts,
    TakenOrder,
    beat,
    begin_command,
    choices,
    end_start,
    fail_orders_of_ended_runs,
    leave,
    note_next_times,
    note_spiders,
    orders_of,
    take_orders,
    take_over_orders,
)
from models.session import make_sessions

HEARTBEAT = 5.0  # seconds
TAKE_OVER = 10.0  # seconds between two searches for the orders of schedulers that have died


@dataclass(frozen=True, kw_only=True)
class OrderResult:
    """What became of an order that this scheduler has carried out."""

    order: TakenOrder
    succeeded: bool
    message: str


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the database says.

    Attributes:
        choices: what people have set, by spider.
        orders: the orders that this scheduler has taken and does not know yet.
    """

    choices: Mapping[str, Choice]
    orders: Sequence[TakenOrder]


class SchedulerDatabase:
    """The scheduler's tables. One thread at a time calls ``look``.

    Args:
        spiders: all spiders of the project.
        timezone: the name of the zone of the schedules.
    """

    def __init__(self, engine: Engine, spiders: Mapping[str, SpiderFacts], timezone: str) -> None:
        self.spiders, self.timezone = spiders, timezone
        self.process = str(Process.current())
        self._sessions = make_sessions(engine)
        self._noted = False
        self._next_times: dict[str, datetime | None] = {}
        self._beat_at = self._took_over_at = float("-inf")

    def look(
        self,
        next_times: Mapping[str, datetime | None],
        results: Sequence[OrderResult],
        known: Collection[int],
        *,
        takes: bool = True,
    ) -> Look:
        """Write the heartbeat, the next times and the results of orders; take orders, and return what there is.

        Args:
            known: the ids of the orders that this scheduler carries out now.
            takes: False: take no order, because the scheduler ends.
        """
        clock = time.monotonic()
        changed = {name: due for name, due in next_times.items() if self._next_times.get(name, 0) != due}
        beats, takes_over = clock - self._beat_at >= HEARTBEAT, clock - self._took_over_at >= TAKE_OVER
        with self._sessions.begin() as session:
            now = database_now(session)
            if not self._noted:
                note_spiders(session, self.spiders, self.timezone, now)
            if beats:
                beat(session, self.process, now)
            note_next_times(session, changed)
            for one in results:
                if one.order.kind == START:
                    end_start(session, one.order.id, succeeded=one.succeeded, message=one.message, now=now)
                else:
                    end(session, one.order.id, DONE if one.succeeded else FAILED, one.message, now)
            if takes:
                take_orders(session, self.spiders, self.process, now)
                if takes_over:
                    take_over_orders(session, self.spiders, self.process, known, now)
                    fail_orders_of_ended_runs(session, now)
            ended = {one.order.id for one in results}
            found = Look(
                choices=choices(session, self.spiders),
                orders=orders_of(session, self.process, {*known, *ended}) if takes else (),
            )
        self._noted = True
        self._next_times.update(changed)
        self._beat_at = clock if beats else self._beat_at
        self._took_over_at = clock if takes_over and takes else self._took_over_at
        return found

    def begin_command(self, order_id: int) -> bool:
        """Note that the command of an order starts; return False if another scheduler has taken the order over."""
        with self._sessions.begin() as session:
            return begin_command(session, order_id, self.process)

    def leave(self) -> None:
        """Delete the row of this scheduler."""
        with self._sessions.begin() as session:
            leave(session, self.process)
