"""A process that runs crawls one after the other: most of the time of a small crawl are the imports.

Each line of standard input is a JSON object with the crawl's spider, settings and environment. Each line of standard
output has its exit code and its log.

    with crawl_server() as crawl:
        code, log = crawl("shop", {"DATABASE_URL": url}, {})
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping

from tests.databases import make_file_with_tables
from tests.processes import ROOT

Crawl = Callable[[str, Mapping[str, object], Mapping[str, str]], tuple[int, str]]


@contextlib.contextmanager
def crawl_server() -> Iterator[Crawl]:
    """Start the process, and yield a function that runs one crawl in it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.frontier.crawl_server"],
        cwd=ROOT,
        env=os.environ | {"SPLASHDOWN_ENV_FILE": "", "SCRAPY_SETTINGS_MODULE": "crawler.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    source, sink = process.stdout, process.stdin

    def crawl(spider: str, settings: Mapping[str, object], environment: Mapping[str, str]) -> tuple[int, str]:
        make_file_with_tables(str(settings.get("DATABASE_URL", "")))
        order = {"spider": spider, "settings": dict(settings), "environment": dict(environment)}
        sink.write(json.dumps(order) + "\n")
        sink.flush()
        answer = source.readline()
        assert answer, "the process that runs the crawls has ended"
        code, log = json.loads(answer)
        return code, log

    try:
        yield crawl
    finally:
        sink.close()
        process.wait(60)


async def serve() -> None:
    from scrapy.crawler import AsyncCrawlerRunner  # noqa: PLC0415 - after the reactor
    from scrapy.utils.project import get_project_settings  # noqa: PLC0415

    from crawler.run.stopping import CannotStart  # noqa: PLC0415
    from crawler.stat_names import VERDICT  # noqa: PLC0415

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a crawl prints is no answer
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        os.environ.update(order["environment"])
        sys.path[:0] = order["environment"].get("PYTHONPATH", "").split(os.pathsep)
        log = io.StringIO()
        handler = logging.StreamHandler(log)
        logging.getLogger().addHandler(handler)
        logging.getLogger().setLevel(logging.INFO)
        settings = get_project_settings()
        for name, value in order["settings"].items():
            settings.set(name, value, priority="cmdline")
        runner = AsyncCrawlerRunner(settings)
        crawler = runner.create_crawler(order["spider"])
        try:
            await runner.crawl(crawler)
            assert crawler.stats is not None
            code = crawler.stats.get_value(VERDICT)
        except CannotStart as error:
            code = error.exit_code
            log.write(str(error))
        finally:
            logging.getLogger().removeHandler(handler)
        answers.write(json.dumps([code, log.getvalue()]) + "\n")
        answers.flush()


if __name__ == "__main__":
    from scrapy.utils.reactor import install_reactor

    install_reactor("twisted.internet.asyncioreactor.AsyncioSelectorReactor")
    from twisted.internet.defer import Deferred
    from twisted.internet.task import react

    react(lambda _: Deferred.fromFuture(asyncio.ensure_future(serve())))
