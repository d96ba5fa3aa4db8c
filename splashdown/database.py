"""The database of a project, for programs of its own."""

from __future__ import annotations

from scrapy.spiderloader import get_spider_loader
from scrapy.utils.project import get_project_settings
from sqlalchemy import Engine

from crawler.database import open_database


def open_engine() -> Engine:
    """Return an engine for the project's DATABASE_URL; the models of all sites are imported.

    The caller disposes of it. Call it in the project's folder, or below it.

    Raises:
        DatabaseUnusable: the database cannot be opened; the message says what to do.
    """
    settings = get_project_settings()
    get_spider_loader(settings)
    return open_database(settings)
