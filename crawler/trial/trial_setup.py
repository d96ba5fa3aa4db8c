"""What a trial changes: a database and a folder of its own, one page at a time, and no message to anyone."""

from __future__ import annotations

import shutil
from pathlib import Path

from scrapy.settings import BaseSettings
from sqlalchemy import Engine

from crawler.database import open_database
from crawler.run.stopping import CannotStart
from models import Base
from models.existing.definition import existing_models
from models.existing.trial_copy import copy_for_trial
from models.schema import upgrade
from models.session import make_engine

QUIET = {  # the report replaces the log
    "ALERT_URLS": "",
    "CONCURRENT_REQUESTS": 1,
    "DELTA": "off",
    "LOG_LEVEL": "CRITICAL",
    "METRICS_FOLDER": "",
    "METRICS_PORT": 0,
    "OUTBOX_ENABLED": False,
    "PROJECT_MIGRATIONS": "",
    "RENDERING": "always",
}


def make_quiet(settings: BaseSettings, *, keeps_log: bool) -> None:
    """Set the settings of a trial, above those of the project and the command line."""
    for name, value in QUIET.items():
        if name != "LOG_LEVEL" or not keeps_log:
            settings.set(name, value, priority="cmdline")


def empty_folder(folder: Path) -> Path:
    """Return the folder of a trial, without the files of the last one.

    Raises:
        CannotStart: it cannot be written.
    """
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    except OSError as error:
        raise CannotStart(f"{folder} cannot be written: {error.strerror}") from None
    return folder


def make_database(settings: BaseSettings, folder: Path) -> Engine:
    """Make the database of a trial, with the tables of all models, also of those that no migration makes yet."""
    if existing_models():
        open_database(settings, check_schema=False).dispose()  # reads the existing tables
    url = f"sqlite:///{folder / 'rows.db'}"
    settings.set("DATABASE_URL", url, priority="cmdline")
    engine = make_engine(url)
    upgrade(engine)
    Base.metadata.create_all(engine)
    copy_for_trial(existing_models(), engine)
    settings.set(
        "KEPT_PAGES_FOLDER", str(folder / "snapshots"), priority="cmdline"
    )  # of pages that have a fault
    return engine
