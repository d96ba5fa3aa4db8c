"""A worker that reads start() and loses it stops; another one that loses a partition goes on."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from frontier.pages_in_progress import PagesInProgress
from frontier.partitions import Partitions
from frontier.request_identity import RequestIdentities
from frontier.shared_run import SharedRun
from frontier.window import QueuedRequest, Window
from models.shared_run import START_PART
from models.worker import Tenure
from tests.workers.test_engines import RUN


class Worker:
    """A worker with the partitions 0 and 1, without a database: nothing here asks one."""

    def __init__(self) -> None:
        self.window, self.partitions, self.stopped = Window(), Partitions(), list[str]()
        self.partitions.add([Tenure(START_PART, "a"), Tenure(1, "b")])
        self.identities = RequestIdentities(lambda _: b"", "owner")
        nothing = cast("Any", None)
        self.shared = SharedRun(
            RUN,
            self.partitions,
            window=self.window,
            pages=PagesInProgress(self.window),
            refill=nothing,
            waits=nothing,
            rendering=nothing,
            identities=self.identities,
            engine=None,
            patience=1.0,
            stop=self.stopped.append,
            writer=lambda: nothing,
            wake=lambda: None,
        )


def test_a_worker_that_loses_start_while_it_reads_it_stops() -> None:
    worker = Worker()
    assert asyncio.run(worker.shared.may_read_start())
    worker.shared.lose([Tenure(1, "b")])
    assert not worker.stopped
    worker.shared.lose([Tenure(START_PART, "another tenure")])
    assert not worker.stopped
    worker.shared.lose([Tenure(START_PART, "a")])
    assert worker.stopped == ["another worker reads start() now, and this one cannot read it a second time"]


def test_a_worker_that_has_read_start_goes_on_without_it() -> None:
    worker = Worker()
    assert asyncio.run(worker.shared.may_read_start())
    worker.shared.start_is_read = True
    worker.shared.lose([Tenure(START_PART, "a")])
    assert not worker.stopped and worker.partitions.active == {Tenure(1, "b")}


def test_a_worker_forgets_the_requests_and_the_duplicates_of_a_lost_partition() -> None:
    """Pages that are not stored discovered requests: the same requests are new when another page discovers them."""
    worker = Worker()
    for part in (START_PART, 1):
        worker.window.add(QueuedRequest(0, part, part, f"http://host{part}/", "{}", part=part))
    assert worker.identities.is_new(b"1") and not worker.identities.is_new(b"1")
    worker.shared.lose([Tenure(1, "b")])
    assert [queued.part for queued in iter(worker.window.pop, None)] == [START_PART]
    assert worker.identities.is_new(b"1")
