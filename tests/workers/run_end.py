"""The end of a run by many workers that find at the same moment that nothing is left.

python -m tests.workers.run_end --database URL --workers 8 --rounds 100
"""

from __future__ import annotations

import argparse
import asyncio
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from crawler.page.commit import Commit
from crawler.run.verdict import Ending, Verdict
from models import CrawlRun, CrawlWorker, Quote, RowChange
from models.process_id import Process
from models.run import ClaimedRun
from models.session import make_engine, make_sessions
from models.shared_run import RunPart, join_run, look_for_end
from pipelines.storage.run_context import RunContext
from pipelines.storage.writer import Writer
from tests.conftest import empty
from tests.pipelines.demo_rows import quote
from tests.pipelines.runs import page

T = TypeVar("T")


async def work(
    sessions: sessionmaker[Session], run: ClaimedRun, page_of_run: Commit | None, barrier: threading.Barrier
) -> Verdict:
    """Commit a page, wait for the other workers, and end as the scheduler does."""
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[Exception] = loop.create_future()
    context = RunContext(run=run, gone_limit=1.0)
    writer = Writer(sessions, context, loop=loop, failed=failed.set_result)
    writer.start()
    if page_of_run is not None:
        writer.put(page_of_run, lambda _: None)
        writer.flush_soon()
    while writer.backlog:  # noqa: ASYNC110 - the thread of the writer sets no event
        await asyncio.sleep(0.005)
    barrier.wait(60)
    until = time.monotonic() + 60
    while True:
        answer: asyncio.Future[RunPart] = loop.create_future()
        writer.call(partial(look_for_end, run=run), answer.set_result)
        await asyncio.wait({answer, failed}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
        if failed.done():
            raise failed.result()
        if answer.result() is not RunPart.WAIT:
            break
        assert time.monotonic() < until, "no worker ends the run"
        await asyncio.sleep(0.01)
    ends = answer.result() is RunPart.END
    return await writer.finish(Ending(reason="finished", covered=ends, seconds=1.0))


def end_together(sessions: sessionmaker[Session], workers: int, number: int) -> list[str]:
    """Let workers end a run that has one row at the same moment; return what is wrong after it.

    Args:
        number: of the row; the row of the run before it becomes gone.
    """
    runs = []
    for _ in range(workers):
        Process.current.cache_clear()  # each has a name of its own, as a process has
        runs.append(join_run(sessions, "end", {}, partitions=8))
    barrier = threading.Barrier(workers)
    row = page((Quote, quote(number)), start_read=True)
    with ThreadPoolExecutor(workers) as threads:
        futures = [
            threads.submit(asyncio.run, work(sessions, run, row if position == 0 else None, barrier))
            for position, run in enumerate(runs)
        ]
        verdicts = [future.result(120) for future in futures]
    faults = []
    with sessions() as session:
        found = session.scalars(select(CrawlRun).order_by(CrawlRun.id.desc()).limit(1)).one()
        if {run.id for run in runs} != {found.id} or found.workers != workers:
            faults.append(f"the workers had the runs {sorted({run.id for run in runs})}")
        if (found.verdict, found.finish_reason, found.owner) != (
            0,
            "finished",
            None,
        ) or not found.finished_at:
            faults.append(f"the run ended with {found.verdict}, {found.finish_reason}, {found.owner}")
        kinds = Counter(session.scalars(select(RowChange.kind).where(RowChange.run_id == found.id)))
        if kinds != Counter(created=1, gone=1 if number else 0):
            faults.append(f"its changes are {dict(kinds)}")
        left = select(func.count()).where(CrawlWorker.run_id == found.id, CrawlWorker.left_at.is_not(None))
        if session.scalar(left) != workers:
            faults.append("not all workers have left")
    # A verdict of others sends no alarm.
    told = sum(not verdict.is_of_others for verdict in verdicts)
    if told != 1 or {verdict.code for verdict in verdicts} != {0}:
        faults.append(f"{told} workers tell of {Counter(verdict.code for verdict in verdicts)}")
    return faults


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    empty(options.database)
    engine = make_engine(options.database, pool_size=2 * options.workers)
    began = time.monotonic()
    faults = [
        f"round {number}: {fault}"
        for number in range(options.rounds)
        for fault in end_together(make_sessions(engine), options.workers, number)
    ]
    print(
        f"{options.rounds} runs ended by {options.workers} workers, {time.monotonic() - began:.0f} s on "
        f"{engine.dialect.name}: {faults or 'each once'}"
    )


if __name__ == "__main__":
    main()
