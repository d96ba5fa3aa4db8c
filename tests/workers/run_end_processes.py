"""The end of runs by workers that are processes, each with a data folder of its own, as on machines of their own.

python -m tests.workers.run_end_processes --database URL --workers 8 --rounds 10
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from crawler.run.verdict import BELOW_POLICY, GOOD
from models.session import make_sessions
from tests.alarm_endpoint import Endpoint, alarm_endpoint
from tests.workers.faults import joined, wait_until
from tests.workers.hosts_site import TAGS, pages_of
from tests.workers.run_end import faults_of_end
from tests.workers.workers import Workers, shared_site, tell_site

HOSTS, PAGES = 6, 12


def rows_of_day(day: int) -> set[tuple[int, int] | int]:
    """Return the pages of the site on a day, and the tags that are on them."""
    pages = {(host, number) for host in range(HOSTS) for number in range(pages_of(PAGES, host, day))}
    return {*pages, *((host + number) % TAGS for host, number in pages)}


def end_together(
    workers: Workers, number: int, endpoint: Endpoint, *, processes: int, is_bad: bool, alarms: list[str]
) -> list[str]:
    """Let workers begin and end a run; the site answers when all have joined. Return what is wrong after it.

    Args:
        number: of the run. On the second day of the site, which odd numbers see, some pages are gone.
        alarms: the kinds of messages that the endpoint should get.
    """
    day = 1 + number % 2
    tell_site(workers.site, f"day/{day}")
    tell_site(workers.site, "hold")
    before = workers.last_run()
    for position in range(processes):
        states = workers.folder / "machines" / str(position)
        workers.start(
            *("-s", f"ALERT_STATES={states}", "-s", f"MIN_ROWS={10_000 if is_bad else 1}"),
            *("-s", "GONE_LIMIT=1"),
            env={"ALERT_URLS": endpoint.url},
        )
    wait_until(lambda: workers.last_run() != before and joined(workers) == processes)
    tell_site(workers.site, "release")
    codes = Counter(workers.wait(120))
    code = BELOW_POLICY if is_bad else GOOD
    gone = len(rows_of_day(1) - rows_of_day(2)) if day == 2 else 0
    faults = faults_of_end(make_sessions(workers.engine), processes, code, gone=gone)
    if codes != Counter({code: processes}):
        faults.append(f"the exit codes are {codes}")
    if (told := [kind for kind, _ in endpoint.new_messages()]) != alarms:
        faults.append(f"the alarms are {told} in place of {alarms}")
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", required=True)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--same", type=int, default=1, help="so many runs in a row have the same verdict")
    options = parser.parse_args()
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="run-end-"))
    faults = []
    sent: Counter[str] = Counter()
    with (
        alarm_endpoint() as endpoint,
        shared_site(options.database, folder, hosts=HOSTS, pages=PAGES) as workers,
    ):
        was_bad = False
        for number in range(options.rounds):
            is_bad = number // options.same % 2 == 0
            alarms = [] if is_bad == was_bad else ["failure" if is_bad else "success"]
            was_bad = is_bad
            sent.update(alarms)
            for fault in end_together(
                workers, number, endpoint, processes=options.workers, is_bad=is_bad, alarms=alarms
            ):
                faults.append(f"run {number}: {fault}")
                print(faults[-1], flush=True)
        name = workers.engine.dialect.name
    print(
        f"{options.rounds} runs ended by {options.workers} processes, {time.monotonic() - began:.0f} s on {name}, "
        f"{dict(sent)} alarms expected: {faults or 'one verdict, one gone pass, and one alarm for each change'}",
        folder,
    )


if __name__ == "__main__":
    main()
