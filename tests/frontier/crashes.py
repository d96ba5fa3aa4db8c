"""Crawls that are killed again and again, and compared with one that was not.

By default they are those of a plain Scrapy spider with arguments, one of whose tables names rows of its own.

python -m tests.frontier.crashes --kills 100 --database sqlite:////tmp/crash.db
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from models import Base, Book, CrawlRequest, CrawlRun, OutboxEvent, RejectedItem, Review, RowChange
from models.json_values import to_json_value
from models.schema import upgrade
from models.session import make_engine
from tests.frontier.crash_tree import CrashNode
from tests.pipelines.own_tables import set_apart, there
from tests.prepared_process import Forked, start_scrapy
from tests.processes import server

set_apart(CrashNode)

SPIDERS = "tests.frontier.crash_spider"
BOOKS = 300
ATTEMPTS = 60
DEADLINE = 240.0  # seconds; a crawl that is not done by then hangs


class Crawls:
    """Crawls of one database, each a process of its own."""

    def __init__(self, database_url: str, folder: Path, *, plain: bool = True) -> None:
        self.database_url, self.folder, self.plain = database_url, folder, plain
        self.log = folder / "requests.log"
        self.log.touch()
        self.engine = make_engine(database_url)

    def start(self, site: str, *, poison: bool, crash_at: str | None = None) -> Forked:
        env = {
            **{k: v for k, v in os.environ.items() if k not in ("SPLASH_URL", "DEMO_URL", "LOG_LEVEL")},
            "DATABASE_URL": self.database_url,
            "SPLASHDOWN_ENV_FILE": "",
            "CRASH_LOG": str(self.log),
            "DEMO_URL": site,  # not an argument: the days are runs of one scope
            **({"CRASH_POISON": "1"} if poison else {}),
            **({"CRASH_AT": crash_at} if crash_at else {}),
        }
        options = ("-a", "shop=one", "-a", "keyword=all") if self.plain else ()
        spider = "crash_plain" if self.plain else "crash"
        return start_scrapy(["crawl", spider, "-s", f"SPIDER_MODULES={SPIDERS}", *options], env)

    def whole(self, site: str, *, poison: bool) -> None:
        process = self.start(site, poison=poison)
        said, _ = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0, said[-3000:]

    def killed(self, site: str, *, poison: bool, dice: random.Random, kills: int) -> int:
        """Crawl to the end, killing it up to ``kills`` times; gives how often it was."""
        done, finished_before = 0, self.finished_runs()
        while done < ATTEMPTS:
            fetched_before, asked_before = self.done_urls(), self.requests()
            crash_at, delay = None, None
            if done < kills:
                kind = dice.choice(("time", "before commit", "after commit"))
                if kind == "time":
                    delay = dice.uniform(0, 0.5)
                else:  # most often soon, so that a crawl is killed many times before it is at its end
                    crash_at = f"{kind} {dice.randint(1, dice.choice((6, 12, 40)))}"
            process = self.start(site, poison=poison, crash_at=crash_at)
            if delay is not None:  # from its first request on: a kill during the imports tests nothing
                self.wait_for_requests(process, len(asked_before) + 1)
            try:
                said, _ = process.communicate(timeout=delay if delay is not None else DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                said, _ = process.communicate()
            again = [url for url in self.requests()[len(asked_before) :] if url in fetched_before]
            assert not again, f"fetched again although they were done: {again[:5]}"
            if process.returncode == 0:
                return done
            assert process.returncode == -signal.SIGKILL, said[-3000:]
            done += 1
            if self.finished_runs() > finished_before:  # it was killed after its last commit
                return done
        raise AssertionError(f"not at its end after {ATTEMPTS} attempts")

    def wait_for_requests(self, process: Forked, number: int) -> None:
        """Until all crawls together have sent so many requests, or this one has ended."""
        until = time.monotonic() + DEADLINE
        while len(self.requests()) < number and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.02)  # between two looks

    def finished_runs(self) -> int:
        with Session(self.engine) as session:
            return len(session.scalars(select(CrawlRun.id).where(CrawlRun.finished_at.is_not(None))).all())

    def requests(self) -> list[str]:
        return self.log.read_text().splitlines()

    def done_urls(self) -> set[str]:
        """Of the unfinished run, what must not be requested again; only what is requested once at all."""
        with Session(self.engine) as session:
            found = session.scalars(
                select(CrawlRequest.url)
                .join(CrawlRun, CrawlRun.id == CrawlRequest.run_id)
                .where(
                    CrawlRun.finished_at.is_(None),
                    CrawlRequest.state.in_(("done", "skipped")),
                    CrawlRequest.request.not_like('%"dont_filter"%'),
                    CrawlRequest.request.not_like('%"method"%'),
                )
            )
            return {f"GET {url}" for url in found}

    def left_behind(self) -> dict[str, Any]:
        """Everything that the crawls stored, without what differs from crawl to crawl: times and numbers."""

        def rows(model: Any) -> Counter[Any]:
            names = [*model.fields()]
            with Session(self.engine) as session:
                found = session.execute(
                    select(*(model.table().c[name] for name in (*names, "gone_at")))
                ).mappings()
                return Counter(
                    (*(to_json_value(row[name]) for name in names), row["gone_at"] is None) for row in found
                )

        with Session(self.engine) as session:
            # A run that was killed while it was begun leaves no row, but servers have counted its id.
            nth = {
                run: nth
                for nth, run in enumerate(session.scalars(select(CrawlRun.id).order_by(CrawlRun.id)), 1)
            }

            def all_of(*columns: Any) -> Counter[Any]:
                """A run's id comes last."""
                found = (tuple(row) for row in session.execute(select(*columns)))
                return Counter((*map(str, row[:-1]), nth[row[-1]]) for row in found)

            return {
                "book": rows(Book),
                "review": rows(Review),
                **({"crash_node": rows(CrashNode)} if self.plain else {}),
                "row_change": all_of(
                    RowChange.table_name,
                    RowChange.row_key,
                    RowChange.kind,
                    RowChange.fields,
                    RowChange.run_id,
                ),
                "crawl_request": all_of(
                    CrawlRequest.url, CrawlRequest.state, CrawlRequest.depth, CrawlRequest.run_id
                ),
                "rejected_item": all_of(RejectedItem.url, RejectedItem.reasons, RejectedItem.run_id),
                "outbox_event": Counter(session.scalars(select(OutboxEvent.kind))),
                "arguments": Counter(map(str, session.scalars(select(CrawlRun.arguments)))),
                "crawl_run": all_of(CrawlRun.finish_reason, CrawlRun.note, CrawlRun.verdict, CrawlRun.id),
            }


@contextmanager
def emptied(url: str) -> Iterator[str]:
    """The database with nothing in it, and with the table of the plain spider."""
    engine = make_engine(url)
    upgrade(engine)
    with engine.begin() as connection:
        CrashNode.table().drop(connection, checkfirst=True)  # of a test that did not come to its end
    reset(engine)
    try:
        with there(engine, CrashNode):
            yield url
    finally:
        engine.dispose()


def reset(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())


@contextmanager
def two_days() -> Iterator[tuple[str, str]]:
    """The shop on day 1 and on day 2."""
    with (
        server("demo", "--port", "0", "--books", str(BOOKS), "--exit-with-stdin") as first,
        server("demo", "--port", "0", "--books", str(BOOKS), "--day", "2", "--exit-with-stdin") as second,
    ):
        yield first, second


def campaign(
    database_url: str, reference: dict[str, Any], days: tuple[str, str], kills: int, seed: int
) -> int:
    """Two days under fire; gives the number of kills.

    Raises:
        AssertionError: something is other than in the reference.
    """
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, emptied(database_url) as url:
        crawls = Crawls(url, Path(folder))
        killed = crawls.killed(days[0], poison=True, dice=dice, kills=kills // 2)
        killed += crawls.killed(days[1], poison=False, dice=dice, kills=kills - killed)
        found = crawls.left_behind()
        crawls.engine.dispose()
    for table, expected in reference.items():
        missing, extra = expected - found[table], found[table] - expected
        assert not missing and not extra, (
            f"seed {seed}, {table}: {sum(missing.values())} are missing, {sum(extra.values())} too many: "
            f"{list(missing)[:3]} {list(extra)[:3]}"
        )
    return killed


def reference_of(days: tuple[str, str]) -> dict[str, Any]:
    """What two days leave behind when nothing happens."""
    with tempfile.TemporaryDirectory() as folder, emptied(f"sqlite:///{folder}/reference.db") as url:
        crawls = Crawls(url, Path(folder))
        crawls.whole(days[0], poison=True)
        crawls.whole(days[1], poison=False)
        found = crawls.left_behind()
        crawls.engine.dispose()
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--database", required=True)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    with two_days() as days:
        reference = reference_of(days)
        killed, seed, began = 0, options.seed, time.monotonic()
        while killed < options.kills:
            killed += campaign(options.database, reference, days, 10, seed)
            print(f"seed {seed}: {killed} kills, {time.monotonic() - began:.0f} s", flush=True)
            seed += 1


if __name__ == "__main__":
    main()
