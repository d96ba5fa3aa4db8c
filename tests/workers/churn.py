"""A worker joins, and leaves after a signal, again and again: shares stay even, and no host starves.

A change is a worker that has joined, or a signal. The shares must be even before the next change.

python -m tests.workers.churn --database URL --seconds 600
"""

from __future__ import annotations

import argparse
import json
import signal
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import accumulate, pairwise
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import CrawlRequest
from tests.workers.faults import joined, wait_until
from tests.workers.hosts_site import host_name
from tests.workers.workers import Workers, overlaps, shared_site, shortest_gaps

Page = tuple[str, int]  # the host and the number


def until_even(workers: Workers, number: int, seconds: float) -> float | None:
    """Return after how many seconds so many workers have equal shares, up to one partition; None if never."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        shares = workers.shares()
        if (
            len(shares) == number
            and max(shares.values()) - min(shares.values()) <= 1
            and shares.total() == 64
        ):
            return round(passed, 1)
        time.sleep(0.2)
    return None


def pages_found_on(workers: Workers) -> dict[Page, Page]:
    """Return the page on which each page of the last run was found first."""
    with Session(workers.engine) as session:
        last = select(func.max(CrawlRequest.run_id)).scalar_subquery()
        query = select(CrawlRequest.number, CrawlRequest.url, CrawlRequest.parent)
        rows = session.execute(query.where(CrawlRequest.run_id == last)).all()
    pages = {row.number: page_of(row.url) for row in rows}
    return {pages[row.number]: pages[row.parent] for row in rows if row.parent in pages}


def page_of(url: str) -> Page:
    parts = urlsplit(url)
    return parts.hostname or "", int(parts.path.strip("/"))


def longest_waits(log: Path, found_on: Mapping[Page, Page]) -> list[tuple[float, int]]:
    """Return for how many seconds each host had a page that nobody requested, at most, with the host."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    ended = {(host_name(host), number): until for _, until, host, number, _ in lines}
    requests: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for began, _, host, number, _ in lines:
        found_at = ended.get(found_on.get((host_name(host), number), ("", -1)), began)
        requests[host].append((began, found_at))
    waits = []
    for host, of in requests.items():
        of.sort()
        oldest = list(accumulate((found_at for _, found_at in reversed(of)), min))[::-1]
        longest = max(
            later - max(before, found_at)
            for ((before, _), (later, _)), found_at in zip(pairwise(of), oldest[1:], strict=True)
        )
        waits.append((round(longest, 1), host))
    return sorted(waits, reverse=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--every", type=float, default=10)
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--download-delay", type=float, default=2.0)
    options = parser.parse_args()
    pages = int(options.seconds / options.download_delay) + 20
    folder = Path(tempfile.mkdtemp(prefix="churn-"))
    settings = {
        "DOWNLOAD_DELAY": options.download_delay,
        "RANDOMIZE_DOWNLOAD_DELAY": False,
        # Scrapy's 16 would be full with the requests of a few hosts, and the others would wait in one worker too.
        "CONCURRENT_REQUESTS": 4 * options.hosts,
    }
    with shared_site(
        options.database, folder, hosts=options.hosts, pages=pages, delay=0.05, **settings
    ) as workers:
        for _ in range(2):
            workers.start()
        wait_until(lambda: len(workers.shares()) == 2)
        began = time.monotonic()
        even: list[float | None] = []
        guest = None
        while time.monotonic() - began < options.seconds and not workers.is_finished():
            if guest is None:
                before = joined(workers)
                guest = workers.start()
                # A machine with too little CPU may need longer than the time between two changes for the start.
                wait_until(lambda before=before: joined(workers) > before)  # type: ignore[misc]
                number = 3
            else:
                guest.send_signal(signal.SIGTERM)
                guest, number = None, 2
            next_at = time.monotonic() + options.every
            even.append(until_even(workers, number, options.every))
            while time.monotonic() < next_at:
                time.sleep(0.1)
        codes = workers.wait(options.seconds + 300)
        late = even.count(None)
        longest = max((one for one in even if one is not None), default=0)
        log = folder / "requests.jsonl"
        waits = longest_waits(log, pages_found_on(workers))
        print(
            f"{len(even)} changes in {options.seconds:.0f} s; shares were even after {longest} s at most, in {late} "
            f"cases not before the next change; longest waits of hosts {waits[:3]}; overlaps "
            f"{sorted(overlaps(log), key=lambda one: -one[1])[:3]}; short gaps "
            f"{shortest_gaps(log, options.download_delay)}; "
            f"{workers.faults(options.hosts, pages, 1) or 'equal'}; codes {Counter(codes)}",
            folder,
        )


if __name__ == "__main__":
    main()
