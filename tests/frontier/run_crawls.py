"""Crawls by the spiders of ``run_spiders``, and what the database has afterwards."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import CrawlRequest
from models.session import make_engine
from tests.crawls import scrapy


class Runs:
    """Crawls of one database by the spiders of ``run_spiders``."""

    def __init__(self, folder: Path, site: str) -> None:
        self.log, self.site = folder / "requests.log", site
        self.url = f"sqlite:///{folder}/runs.db"

    def crawl(self, spider: str, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
        self.log.write_text("")
        modules = ("-s", "SPIDER_MODULES=tests.frontier.run_spiders")
        known = {"DATABASE_URL": self.url, "DEMO_URL": self.site, "REQUESTS_LOG": str(self.log)}
        return scrapy("crawl", spider, *modules, *options, **known, **env)

    @property
    def asked(self) -> list[str]:
        return self.log.read_text().split()

    def table(self, model: type[Any], *columns: str) -> list[tuple[Any, ...]]:
        engine = make_engine(self.url)
        with Session(engine) as session:
            rows = [
                tuple(row) for row in session.execute(select(*(getattr(model, name) for name in columns)))
            ]
        engine.dispose()
        return rows

    def states(self) -> dict[str, tuple[str, str | None]]:
        found = self.table(CrawlRequest, "url", "state", "error")
        return {url.partition("?")[2]: (state, error) for url, state, error in found}
