"""The frontier without downloads: requests discovered, leased and done per second, and the peak memory.

python -m benchmarks.frontier [--requests 100000] [DATABASE_URL ...]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time

from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.settings import Settings
from scrapy.utils.project import get_project_settings

from frontier.scheduler import Scheduler
from models.schema import upgrade
from models.session import make_engine


class Walker(Spider):
    name = "walker"


async def measure(url: str, number: int) -> None:
    """Discover, lease and finish ``number`` requests, and print the speed of each."""
    settings: Settings = get_project_settings()
    settings.setdict(
        {
            "DATABASE_URL": url,
            "RENDERER_ENABLED": False,
            "RUN_FRESH": True,
            "LOG_ENABLED": False,
            "TWISTED_REACTOR_ENABLED": False,
        },
        "cmdline",
    )
    crawler = Crawler(Walker, settings)
    crawler.spider = Walker.from_crawler(crawler)
    crawler._apply_settings()
    scheduler = Scheduler.from_crawler(crawler)
    assert isinstance(scheduler, Scheduler)
    scheduler.spider = crawler.spider
    scheduler.refill._wake = scheduler.commits._wake = lambda: None  # there is no engine
    await scheduler._open()
    writer = scheduler.run.writer

    began = time.perf_counter()
    for n in range(number):
        scheduler.enqueue_request(Request(f"http://shop.example/products/{n}", meta={"depth": 1, "n": n}))
        if n % 100 == 0:
            await asyncio.sleep(0)  # the writer reports its commits on the event loop
        while writer.backlog > 4000:  # noqa: ASYNC110 - a benchmark may poll
            await asyncio.sleep(0)
    scheduler.start_page.exhausted()
    while scheduler.uncommitted:  # noqa: ASYNC110
        await asyncio.sleep(0)
    print(f"discovered {number / (time.perf_counter() - began):,.0f}/s", end="  ", flush=True)

    done = 0
    tenths = []
    began = time.perf_counter()
    while done < number:
        request = scheduler.next_request()
        if request is None:
            await asyncio.sleep(0)
            continue
        page = scheduler.page_of(request)
        assert page is not None
        page.status = 200
        page.exhausted()
        done += 1
        if done % (number // 10) == 0:
            tenths.append(number // 10 / (time.perf_counter() - began))
            began = time.perf_counter()
    while scheduler._left():  # noqa: ASYNC110
        await asyncio.sleep(0)
    await scheduler._close("finished")
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"leased and done {len(tenths) / sum(1 / t for t in tenths):,.0f}/s (first tenth {tenths[0]:,.0f}/s, last "
        f"{tenths[-1]:,.0f}/s)  peak memory {mib:.0f} MiB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("databases", nargs="*")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        asyncio.run(measure(options.databases[0], options.requests[0]))
        return
    with tempfile.TemporaryDirectory() as folder:
        for url in options.databases or [
            f"sqlite:///{folder}/benchmark.db",
            *(os.environ[name] for name in ("TEST_MARIADB_URL", "TEST_POSTGRESQL_URL") if name in os.environ),
        ]:
            engine = make_engine(url)
            upgrade(engine)
            engine.dispose()
            for number in options.requests:
                print(f"{url.split(':')[0]:18} {number:>9,} requests: ", end="", flush=True)
                subprocess.run(
                    [sys.executable, "-m", "benchmarks.frontier", "--one", url, "--requests", str(number)],
                    check=True,
                )


if __name__ == "__main__":
    main()
