"""Workers that begin a shared run at the same moment: one begins it, and the others join it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from models.run import ClaimedRun
from models.session import make_engine, make_sessions
from models.shared_run import join_run

WORKERS, ROUNDS = 4, 25


def test_workers_that_begin_at_the_same_moment_are_in_one_run(server_url: str) -> None:
    engine = make_engine(server_url)
    sessions = make_sessions(engine)
    with ThreadPoolExecutor(WORKERS) as threads:
        for number in range(ROUNDS):
            ready = Barrier(WORKERS)

            def begin(_: int, ready: Barrier = ready, number: int = number) -> ClaimedRun:
                ready.wait(60)
                return join_run(sessions, "films", {"round": number}, partitions=8)

            runs = list(threads.map(begin, range(WORKERS)))
            assert len({run.id for run in runs}) == 1
            assert sorted(run.worker for run in runs if run.worker is not None) == list(range(WORKERS))
    engine.dispose()
