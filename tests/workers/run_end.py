"""The end of a run by many workers that find at the same moment that nothing is left, each on a machine of its own.

python -m tests.workers.run_end --database URL --workers 8 --rounds 100
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from crawler.page.commit import Commit
from crawler.run.alarm import Alarm
from crawler.run.verdict import BELOW_POLICY, GOOD, Ending, Policy, Verdict
from models import CrawlRun, CrawlWorker, Quote, RowChange
from models.process_id import Process
from models.run import ClaimedRun
from models.session import make_engine, make_sessions
from models.shared_run import RunPart, join_run, look_for_end
from pipelines.storage.run_context import RunContext
from pipelines.storage.writer import Writer
from tests.alarm_endpoint import Endpoint, alarm_endpoint
from tests.conftest import empty
from tests.pipelines.demo_rows import quote
from tests.pipelines.runs import page


async def work(
    sessions: sessionmaker[Session],
    run: ClaimedRun,
    page_of_run: Commit | None,
    barrier: threading.Barrier,
    policy: Policy,
) -> Verdict:
    """Commit a page, wait for the other workers, and end as the scheduler does."""
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[Exception] = loop.create_future()
    context = RunContext(run=run, gone_limit=1.0, policy=policy)
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


def end_and_tell(
    sessions: sessionmaker[Session],
    run: ClaimedRun,
    page_of_run: Commit | None,
    barrier: threading.Barrier,
    policy: Policy,
    alarm: Alarm,
) -> Verdict:
    """End as a worker, and then decide about the alarm, as ``scrapy crawl`` does."""
    verdict = asyncio.run(work(sessions, run, page_of_run, barrier, policy))
    barrier.wait(60)
    alarm.tell(run.spider, {}, verdict, run=run, engine=sessions.kw["bind"])
    return verdict


def end_together(
    sessions: sessionmaker[Session], workers: int, number: int, endpoint: Endpoint, machines: Path
) -> list[str]:
    """Let workers end a run that has one row at the same moment; return what is wrong after it.

    Args:
        number: of the row; the row of the run before it becomes gone. A run with an even number is below its policy.
        endpoint: gets the alarms.
        machines: has a folder for each worker's machine.
    """
    runs = []
    for _ in range(workers):
        Process.current.cache_clear()  # each has a name of its own, as a process has
        runs.append(join_run(sessions, "end", {}, partitions=8))
    barrier = threading.Barrier(workers)
    row = page((Quote, quote(number)), start_read=True)
    code = BELOW_POLICY if number % 2 == 0 else GOOD
    policy = Policy(min_rows=2 if code else 1, max_failed_share=1, max_rejected_share=1, max_coverage_drop=1)
    with ThreadPoolExecutor(workers) as threads:
        futures = [
            threads.submit(
                end_and_tell,
                sessions,
                run,
                row if position == 0 else None,
                barrier,
                policy,
                Alarm(endpoint.url, machines / str(position)),
            )
            for position, run in enumerate(runs)
        ]
        verdicts = [future.result(120) for future in futures]
    faults = faults_of_end(sessions, workers, code, gone=1 if number else 0)
    told = [kind for kind, _ in endpoint.new_messages()]
    if told != ["failure" if code else "success"]:
        faults.append(f"the alarms are {told}")
    if {run.id for run in runs} != {runs[0].id}:
        faults.append(f"the workers had the runs {sorted({run.id for run in runs})}")
    ended = sum(not verdict.is_of_others for verdict in verdicts)
    if ended != 1 or {verdict.code for verdict in verdicts} != {code}:
        faults.append(f"{ended} workers ended it with {Counter(verdict.code for verdict in verdicts)}")
    return faults


def faults_of_end(sessions: sessionmaker[Session], workers: int, code: int, *, gone: int) -> list[str]:
    """Return what is wrong in the tables after the last run: its verdict, its gone rows, its workers."""
    faults = []
    with sessions() as session:
        run = session.scalars(select(CrawlRun).order_by(CrawlRun.id.desc()).limit(1)).one()
        end = run.verdict, run.finish_reason, run.owner, run.workers, run.finished_at is not None
        if end != (code, "finished", None, workers, True):
            faults.append(f"the run ended with {end}")
        kinds = Counter(session.scalars(select(RowChange.kind).where(RowChange.run_id == run.id)))
        if kinds["gone"] != gone:
            faults.append(f"{kinds['gone']} of its rows became gone")
        left = select(func.count()).where(CrawlWorker.run_id == run.id, CrawlWorker.left_at.is_not(None))
        if session.scalar(left) != workers:
            faults.append("not all workers have left")
        note = CrawlWorker.run_id == run.id, CrawlWorker.note == "it ended the run"
        if (ended := session.scalar(select(func.count()).where(*note))) != 1:
            faults.append(f"{ended} workers ended the run")
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
    with alarm_endpoint() as endpoint, tempfile.TemporaryDirectory() as machines:
        faults = [
            f"round {number}: {fault}"
            for number in range(options.rounds)
            for fault in end_together(
                make_sessions(engine), options.workers, number, endpoint, Path(machines)
            )
        ]
    print(
        f"{options.rounds} runs ended by {options.workers} workers, {time.monotonic() - began:.0f} s on "
        f"{engine.dialect.name}: {faults or 'one verdict, one gone pass and one alarm each'}"
    )


if __name__ == "__main__":
    main()
