"""Workers of a shared run, each a process of its own, and what they leave behind.

python -m tests.workers.workers --database URL --workers 4 --kills 20
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from models import CrawlPartition, CrawlRequest, CrawlRun, RejectedItem, RowChange
from models.session import make_engine
from tests.conftest import empty
from tests.pipelines.own_tables import there
from tests.prepared_process import Forked, start_scrapy
from tests.processes import ROOT, server
from tests.workers.hosts_site import TAGS, host_name, pages_of, title_of
from tests.workers.tables import HostPage, HostTag

DEADLINE = 300.0  # seconds; a shared run that is not over by then hangs


class Workers:
    """The workers of one database."""

    def __init__(self, database_url: str, site: str, folder: Path, settings: Mapping[str, object]) -> None:
        self.database_url, self.site, self.folder = database_url, site, folder
        self.settings = settings
        self.engine = make_engine(database_url)
        self.processes: list[Forked | subprocess.Popen[bytes]] = []
        self.codes: list[int] = []

    def start(
        self,
        *options: str,
        prefix: Sequence[str] = (),
        shared: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> Forked | subprocess.Popen[bytes]:
        """Start a worker; its log is in the folder.

        Args:
            prefix: a command that runs the worker.
            env: variables of this worker, for instance another DATABASE_URL.
        """
        settings = [part for name, value in self.settings.items() for part in ("-s", f"{name}={value}")]
        log = (
            self.folder / f"worker-{len(self.processes) + len(self.codes)}-{time.monotonic_ns()}.log"
        ).open("wb")
        command = [
            *("crawl", "hosts", *(["--shared"] if shared else [])),
            *("-s", "SPIDER_MODULES=tests.workers.hosts_spider", *settings, *options),
        ]
        variables = {k: v for k, v in os.environ.items() if k not in ("SPLASH_URL", "DEMO_URL", "LOG_LEVEL")}
        variables |= {"DATABASE_URL": self.database_url, "SPLASHDOWN_ENV_FILE": "", "HOSTS_URL": self.site}
        variables |= dict(env or {})
        process: Forked | subprocess.Popen[bytes]
        with log:
            if prefix:
                whole = [*prefix, sys.executable, "-m", "scrapy", *command]
                process = subprocess.Popen(
                    whole, cwd=ROOT, env=variables, stdout=log, stderr=subprocess.STDOUT
                )
            else:
                process = start_scrapy(command, variables, log)
        self.processes.append(process)
        return process

    def reap(self) -> list[int]:
        """Forget the workers that have ended; return their exit codes."""
        ended = [process for process in self.processes if process.poll() is not None]
        self.processes = [process for process in self.processes if process.poll() is None]
        codes = [process.returncode for process in ended]
        self.codes += codes
        return codes

    def wait(self, deadline: float = DEADLINE) -> list[int]:
        """Wait until all workers have ended, and return the exit codes."""
        until = time.monotonic() + deadline
        for process in self.processes:
            process.wait(max(0.1, until - time.monotonic()))
        return self.reap()

    def end_all(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
        self.reap()

    def logs(self) -> str:
        return "\n".join(
            path.read_text(errors="replace") for path in sorted(self.folder.glob("worker-*.log"))
        )

    # --- What is in the tables ---------------------------------------------------------------------------------

    def last_run(self) -> int:
        with Session(self.engine) as session:
            return session.scalar(select(func.max(CrawlRun.id))) or 0

    def is_finished(self) -> bool:
        with Session(self.engine) as session:
            last = select(CrawlRun.finished_at).order_by(CrawlRun.id.desc()).limit(1)
            return session.scalar(last) is not None

    def done(self) -> int:
        """Return how many requests of the last run are done."""
        with Session(self.engine) as session:
            last = select(func.max(CrawlRun.id)).scalar_subquery()
            query = select(func.count()).where(CrawlRequest.run_id == last, CrawlRequest.state == "done")
            return session.scalar(query) or 0

    def shares(self) -> Counter[int]:
        """Return how many partitions each worker of the last run has."""
        with Session(self.engine) as session:
            last = select(func.max(CrawlRun.id)).scalar_subquery()
            query = select(CrawlPartition.worker).where(
                CrawlPartition.run_id == last, CrawlPartition.worker.is_not(None)
            )
            return Counter(number for number in session.scalars(query) if number is not None)

    def faults(self, hosts: int, pages: int, day: int) -> list[str]:
        """Return what in the tables differs from the site after its last day was crawled."""
        found: list[str] = []

        def expect(what: str, is_so: object, should: object) -> None:
            if is_so != should:
                found.append(f"{what}: {is_so!r:.300} in place of {should!r:.300}")

        truth = {
            (host_name(host), number): title_of(host, number, day)
            for host in range(hosts)
            for number in range(pages_of(pages, host, day))
        }
        gone = {
            (host_name(host), number)
            for host in range(hosts)
            for number in range(pages_of(pages, host, day), pages_of(pages, host, 1))
        }
        with Session(self.engine) as session:
            table = HostPage.table()
            rows = session.execute(select(table.c.host, table.c.number, table.c.title, table.c.gone_at)).all()
            there_now = {(row.host, row.number): row.title for row in rows if row.gone_at is None}
            if there_now != truth:
                missing, more = truth.keys() - there_now.keys(), there_now.keys() - truth.keys()
                found.append(f"rows: {len(missing)} missing {sorted(missing)[:3]}, {len(more)} too many")
            expect("gone rows", {(row.host, row.number) for row in rows if row.gone_at is not None}, gone)
            run = session.scalars(select(CrawlRun).order_by(CrawlRun.id.desc()).limit(1)).one()
            expect("verdict", (run.verdict, run.finish_reason), (0, "finished"))
            expect("owner", run.owner, None)
            requests = session.execute(
                select(CrawlRequest.url, CrawlRequest.state, CrawlRequest.attempts).where(
                    CrawlRequest.run_id == run.id
                )
            ).all()
            expect("requests", len(requests), len(truth))
            expect("their states", Counter(row.state for row in requests), Counter(done=len(truth)))
            twice = [row.url for row in requests if row.attempts != 1]
            expect("requests that were committed twice", twice, [])
            rejected = session.scalar(select(func.count()).where(RejectedItem.run_id == run.id))
            expect("rejected items", rejected, sum(number % 13 == 5 for _, number in truth))
            kinds = session.execute(
                select(RowChange.kind, func.count())
                .where(RowChange.run_id == run.id, RowChange.table_name == HostPage.__tablename__)
                .group_by(RowChange.kind)
            )
            before = {
                (host_name(host), number): title_of(host, number, 1)
                for host in range(hosts)
                for number in range(pages_of(pages, host, 1))
            }
            changed = sum(title != before[key] for key, title in truth.items())
            should = {"created": len(truth)} if day == 1 else {"changed": changed, "gone": len(gone)}
            expect(
                "changes", {row.kind: row[1] for row in kinds}, {kind: n for kind, n in should.items() if n}
            )
            found += self._tag_faults(session)
        return found

    def digest(self) -> str:
        """Return a hash of the rows of pages, their changes and the rejected items, in whatever order they came."""
        pages, lines = HostPage.table(), []
        with Session(self.engine) as session:
            for query in (
                select(pages.c.host, pages.c.number, pages.c.title).where(pages.c.gone_at.is_(None)),
                select(RowChange.table_name, RowChange.kind, RowChange.row_key).where(
                    RowChange.table_name == HostPage.__tablename__
                ),
                select(RejectedItem.table_name, RejectedItem.item),
            ):
                lines += sorted(json.dumps([*row], sort_keys=True) for row in session.execute(query))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]

    def _tag_faults(self, session: Session) -> list[str]:
        """Return what is wrong with the rows that all hosts write: each change begins where the one before ended."""
        table = HostTag.table()
        rows = session.execute(select(table.c.name, table.c.last_host, table.c.gone_at)).all()
        if len(rows) != TAGS or any(row.gone_at is not None for row in rows):
            return [f"{len(rows)} tags in place of {TAGS}, or some are gone"]
        last: dict[str, Any] = {}
        faults = []
        query = select(RowChange.row_key, RowChange.kind, RowChange.fields).where(
            RowChange.table_name == HostTag.__tablename__
        )
        for key, kind, fields in session.execute(query.order_by(RowChange.id)):
            name = key["name"] if isinstance(key, dict) else key
            pair = (fields or {}).get("last_host")
            if kind == "created" and str(name) in last:
                faults.append(f"tag {name} was created twice")
            if kind == "changed" and pair and last.get(str(name)) not in (None, pair[0]):
                faults.append(f"tag {name}: {pair[0]} in place of {last[str(name)]} as the old value")
            if pair:
                last[str(name)] = pair[1]
        return faults


def overlaps(log: Path, since: float = 0.0) -> list[tuple[int, float]]:
    """Return for each host how long two workers were at it at the same time, in seconds, if they were."""
    by_host: dict[int, list[tuple[float, float, str]]] = defaultdict(list)
    for line in log.read_text().splitlines():
        began, ended, host, _, worker = json.loads(line)
        if began >= since:
            by_host[host].append((began, ended, worker))
    found = []
    for host, answers in by_host.items():
        answers.sort()
        latest: dict[str, float] = {}
        longest = 0.0
        for began, ended, worker in answers:
            for other, until in latest.items():
                if other != worker:
                    longest = max(longest, until - began)
            latest[worker] = max(ended, latest.get(worker, 0.0))
        if longest > 0:
            found.append((host, longest))
    return found


def moves(log: Path) -> str:
    """Return how many hosts went from one worker to another, how many came back, and the shortest stay of those."""
    workers: dict[int, list[tuple[float, str]]] = defaultdict(list)
    for line in log.read_text().splitlines():
        began, _, host, _, worker = json.loads(line)
        workers[host].append((began, worker))
    moved, stays = 0, []
    for answers in workers.values():
        answers.sort()
        turns = [answers[0]] + [
            later for earlier, later in pairwise(answers) if later[1] != earlier[1]
        ]  # the first request of each worker in its turn
        moved += len(turns) > 1
        for (_, first), (since, _), (until, third) in zip(turns, turns[1:], turns[2:], strict=False):
            if first == third:
                stays.append(round(until - since, 1))
    return f"{moved} moved, {len(stays)} of them back" + (f" after {min(stays)} s at least" if stays else "")


def short_gaps(log: Path, delay: float, since: float = 0.0) -> list[tuple[int, float]]:
    """Return the hosts and the seconds between two requests to a host that came sooner than its delay allows."""
    by_host: dict[int, list[float]] = defaultdict(list)
    for line in log.read_text().splitlines():
        began, _, host, _, _ = json.loads(line)
        if began >= since:
            by_host[host].append(began)
    return [
        (host, round(later - earlier, 3))
        for host, times in sorted(by_host.items())
        for earlier, later in pairwise(sorted(times))
        if later - earlier < 0.9 * delay  # the network and the site take some time too
    ]


def shortest_gaps(log: Path, delay: float) -> str:
    """Return how many requests came sooner than their host's delay allows, and the shortest gaps with their hosts."""
    gaps = sorted(short_gaps(log, delay), key=lambda one: one[1])
    return f"{len(gaps)}, the shortest {gaps[:3]}"


@contextmanager
def emptied(url: str) -> Iterator[Engine]:
    """Yield the database with nothing in it but the tables, those of the site included."""
    engine = make_engine(url)
    with engine.begin() as connection:
        for model in (HostPage, HostTag):
            model.table().drop(connection, checkfirst=True)
    empty(url)
    with there(engine, HostPage, HostTag):
        yield engine
    engine.dispose()


def tell_site(site: str, what: str) -> None:
    """Send an order to the site: ``day/2``, ``hold`` or ``release``."""
    urllib.request.urlopen(f"{site}/{what}").close()


@contextmanager
def shared_site(
    database_url: str, folder: Path, *, hosts: int, pages: int, delay: float = 0.0, **settings: object
) -> Iterator[Workers]:
    """Yield the workers of an emptied database, with a site of so many hosts, each with so many pages."""
    log = folder / "requests.jsonl"
    with (
        emptied(database_url),
        server(
            *("tests.workers.hosts_site", "--hosts", str(hosts), "--pages", str(pages)),
            *("--log", str(log), "--delay", str(delay)),
        ) as site,
    ):
        workers = Workers(database_url, site, folder, settings)
        try:
            yield workers
        finally:
            workers.end_all()
            workers.engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--freezes", type=int, default=0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--setting", action="append", default=[], help="NAME=VALUE")
    options = parser.parse_args()
    dice = random.Random(options.seed)
    folder = options.keep or Path(tempfile.mkdtemp(prefix="workers-"))
    folder.mkdir(exist_ok=True)
    settings = dict(one.split("=", 1) for one in options.setting)
    began = time.monotonic()
    with shared_site(
        options.database, folder, hosts=options.hosts, pages=options.pages, delay=options.delay, **settings
    ) as workers:
        for day in (1, 2):
            tell_site(workers.site, f"day/{day}")
            kills, freezes = options.kills, options.freezes
            for _ in range(options.workers):
                workers.start()
            while not workers.is_finished() or workers.processes:
                assert time.monotonic() - began < 1200, "it hangs"
                time.sleep(0.2)
                codes = workers.reap()
                if any(code not in (0, -9) for code in codes):
                    print("exit codes", codes)
                if workers.is_finished():
                    continue
                # As scrapy work does: a worker that comes when the run has just ended begins no other one.
                while len(workers.processes) < options.workers:
                    workers.start("-s", f"RUN_JOIN={workers.last_run()}")
                if kills and dice.random() < 0.15 and workers.done():
                    kills -= 1
                    dice.choice(workers.processes).kill()
                if freezes and dice.random() < 0.05 and workers.done():
                    freezes -= 1
                    victim = dice.choice(workers.processes)
                    victim.send_signal(signal.SIGSTOP)
                    time.sleep(17)
                    victim.send_signal(signal.SIGCONT)
            faults = workers.faults(options.hosts, options.pages, day)
            print(
                f"seed {options.seed}, day {day}: {workers.done()} pages, {options.kills - kills} kills, "
                f"{options.freezes - freezes} freezes, {time.monotonic() - began:.0f} s, overlaps "
                f"{overlaps(folder / 'requests.jsonl')[:3]}, {faults or 'equal'}; codes {Counter(workers.codes)}",
                flush=True,
            )
    print(folder)


if __name__ == "__main__":
    main()
