"""Every knob of the crawl, read in one place: from the environment, then from ``.env``, then the defaults here.

These are Scrapy settings like any other: ``-s NAME=VALUE`` and a spider's ``custom_settings`` go before them.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from dotenv import dotenv_values
from scrapy.settings import default_settings

from crawler import log_lines

ROOT = Path(__file__).parent.parent
ENV_FILE = os.environ.get("SPLASHDOWN_ENV_FILE", str(ROOT / ".env"))
ENVIRONMENT = {**(dotenv_values(ENV_FILE) if ENV_FILE else {}), **os.environ}

T = TypeVar("T")


def _env(name: str, default: T, read: Callable[[str], T]) -> T:
    text = (ENVIRONMENT.get(name) or "").strip()
    if not text:
        return default
    try:
        return read(text)
    except ValueError:
        sys.exit(f"{name}={text!r} is not {KINDS[read]}: correct it in the environment or in {ENV_FILE}")


def _switch(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError(text)


def _whole(text: str) -> int | None:
    return int(text)


def _level(text: str) -> str:
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        raise ValueError(text)
    return text.upper()


def _log_format(text: str) -> str:
    if text not in ("json", "text") and "%(" not in text:
        raise ValueError(text)
    return text


KINDS: dict[Callable[[str], object], str] = {
    float: "a number",
    int: "a whole number",
    _whole: "a whole number",
    _switch: "1 or 0",
    _log_format: "json, text or a format of Python's logging, such as '%(levelname)s %(message)s'",
    _level: "one of DEBUG, INFO, WARNING, ERROR, CRITICAL",
}

BOT_NAME = "splashdown"
SPIDER_MODULES = ["spiders"]
NEWSPIDER_MODULE = "spiders"
COMMANDS_MODULE = "crawler.commands"
SPIDER_LOADER_CLASS = "crawler.spider_loader.SpiderLoader"

# --- The database -----------------------------------------------------------------------------------------------

DATABASE_URL = _env("DATABASE_URL", f"sqlite:///{ROOT / 'data' / 'splashdown.db'}", str)
DATABASE_BATCH_ROWS = _env("DATABASE_BATCH_ROWS", 500, int)
DATABASE_PATIENCE = _env("DATABASE_PATIENCE", 900.0, float)  # seconds that a lost database is waited for
HISTORY_ENABLED = _env("HISTORY_ENABLED", True, _switch)  # every change of a row into row_change
OUTBOX_ENABLED = _env("OUTBOX_ENABLED", False, _switch)  # and into outbox_event, to be sent
GONE_LIMIT = _env(
    "GONE_LIMIT", 0.2, float
)  # if more of a spider's rows vanish in one run, something is wrong
SHUTDOWN_TIMEOUT = _env("SHUTDOWN_TIMEOUT", 20.0, float)  # seconds that SIGTERM leaves to the pages in flight
FRONTIER_WINDOW = _env("FRONTIER_WINDOW", 10_000, int)  # requests in memory; the rest is in the table

# --- What a good run is: else its exit code is 2, and ALERT_URLS hear of it. A spider's custom_settings go before. --

MIN_ROWS = _env("MIN_ROWS", None, _whole)  # by default 1 for a spider with a model
MAX_FAILED_SHARE = _env("MAX_FAILED_SHARE", 0.05, float)  # of the pages
MAX_REJECTED_SHARE = _env("MAX_REJECTED_SHARE", 0.05, float)  # of the items for a table
MAX_COVERAGE_DROP = _env(
    "MAX_COVERAGE_DROP", 0.2, float
)  # of rows that have a value, by field, against good runs

# Who hears when a spider's runs turn bad, and when they are good again: addresses as Apprise has them. Secrets.
ALERT_URLS = _env("ALERT_URLS", "", str)
ALERT_STATES = str(ROOT / "data" / "alarms")  # what was said last

# --- The renderer ---------------------------------------------------------------------------------------------------

# One URL or several, with commas or white space between them. Empty: the crawl starts our own renderer (renderer/)
# and ends it with itself.
SPLASH_URL = _env("SPLASH_URL", "", str)
SPLASH_USER = _env("SPLASH_USER", "", str)
SPLASH_PASS = _env("SPLASH_PASS", "", str)
SPLASH_SCRIPTS = _env("SPLASH_SCRIPTS", True, _switch)  # off for a Splash that was started with --disable-lua
SPLASH_LOG_LEVEL = _env("SPLASH_LOG_LEVEL", "WARNING", _level)
RENDERER_PATIENCE = _env("RENDERER_PATIENCE", 60.0, float)  # seconds that lost renderers are waited for
RENDERER_SLOTS = _env("RENDERER_SLOTS", 4, int)  # pages that our own renderer has open at once

# --- Who we are, and how hard we press ------------------------------------------------------------------------

# A site's owner should be able to find out who crawls: put an address into CONTACT.
CONTACT = _env("CONTACT", "", str)
USER_AGENT = _env(
    "USER_AGENT", f"Splashdown/{version('splashdown')}" + (f" (+{CONTACT})" if CONTACT else ""), str
)
ROBOTSTXT_OBEY = _env("ROBOTSTXT_OBEY", True, _switch)

# A new Scrapy project asks a site for one page a second. A rendered page takes about that long by itself, so that
# would be one reader who never looks up. Ours is at most four pages a second and four at once for each site, which
# a small server hardly feels, with half as much again of jitter so that it is no drumbeat.
DOWNLOAD_DELAY = _env("DOWNLOAD_DELAY", 0.25, float)
DOWNLOAD_DELAY_JITTER = 0.5
CONCURRENT_REQUESTS = _env("CONCURRENT_REQUESTS", 16, int)
CONCURRENT_REQUESTS_PER_DOMAIN = _env("CONCURRENT_REQUESTS_PER_DOMAIN", 4, int)
# What runs on this machine is ours, and needs no such manners.
DOWNLOAD_SLOTS = {
    host: {"concurrency": 8, "delay": 0, "jitter": 0} for host in ("127.0.0.1", "localhost", "::1")
}
DOWNLOAD_TIMEOUT = _env("DOWNLOAD_TIMEOUT", 60.0, float)
RETRY_TIMES = _env("RETRY_TIMES", 2, int)

# When the spiders run, against what they declare themselves: "* * * * *", or "books: 0 4 * * *; quotes: off".
SCHEDULE = _env("SCHEDULE", "", str)

# The demo site, which our own spiders crawl.
DEMO_URL = _env("DEMO_URL", "http://127.0.0.1:8765", str).rstrip("/")

# --- A page's way through Scrapy ------------------------------------------------------------------------------

# The frontier's own, and what keeps a page when its renderer dies, are in the lists that a spider's custom_settings do
# not replace: no run is without them.
DOWNLOADER_MIDDLEWARES_BASE = {
    **default_settings.DOWNLOADER_MIDDLEWARES_BASE,
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
    "frontier.request_id.RequestIdMiddleware": 1,
    "frontier.offsite.OffsiteMiddleware": 50,
    "crawler.splash.failover.FailoverMiddleware": 740,  # between scrapy-splash, at 725, and the download
}
SPIDER_MIDDLEWARES_BASE = {
    **default_settings.SPIDER_MIDDLEWARES_BASE,
    "frontier.request_id.RequestIdMiddleware": 0,
    "frontier.middleware.EngineSideMiddleware": 1,
    "frontier.middleware.SpiderSideMiddleware": 10_000,
}
DOWNLOADER_MIDDLEWARES = {
    "crawler.splash.rendered.RenderedPageMiddleware": 722,
    "scrapy_splash.SplashCookiesMiddleware": 723,
    "scrapy_splash.SplashMiddleware": 725,
    "scrapy.downloadermiddlewares.httpcompression.HttpCompressionMiddleware": 810,
}
SPIDER_MIDDLEWARES = {
    "scrapy_splash.SplashDeduplicateArgsMiddleware": 100,
}
SCHEDULER = "frontier.scheduler.Scheduler"
PAGE_WRITER = "pipelines.writer.make_writer"
REPLAY = "pipelines.replay.replay"
PAGE_READER = "frontier.offline.OfflineSpider"
PAGE_STORE = "pipelines.kept_pages.PageStore"
ITEM_PROCESSOR = "pipelines.processor.PageItemProcessor"
# Scrapy makes a task for each of these for every page, 100 by default, which is half of the time that a small page
# takes. Our pipelines do not wait for anything, so a few are as good.
CONCURRENT_ITEMS = 4
REQUEST_FINGERPRINTER_CLASS = "scrapy_splash.SplashRequestFingerprinter"
ITEM_PIPELINES = {
    "pipelines.validate.ValidatePipeline": 300,
    "pipelines.upsert.UpsertPipeline": 800,
}
EXTENSIONS = {
    "crawler.extensions.renderer.RendererExtension": 10,
    "crawler.extensions.run.RunExtension": 15,
    "crawler.extensions.kept_pages.KeptPagesExtension": 16,
    "crawler.extensions.metrics.MetricsExtension": 18,
    "crawler.extensions.progress.ProgressExtension": 20,
    "crawler.extensions.summary.SummaryExtension": 30,
}

# --- Pages that could not be read -----------------------------------------------------------------------------

KEPT_PAGES = _env("KEPT_PAGES", 20, int)  # the newest so many of each run and reason; 0 for none
KEPT_PAGES_FOLDER = str(ROOT / _env("KEPT_PAGES_FOLDER", "data/pages", str))
KEPT_PAGE_BYTES = _env(
    "KEPT_PAGE_BYTES", 5_000_000, int
)  # a larger one is not kept, and no larger screenshot

# --- The rest -------------------------------------------------------------------------------------------------

LOG_LEVEL = _env("LOG_LEVEL", "INFO", _level)
LOG_FORMAT = _env("LOG_FORMAT", "text", _log_format)
log_lines.install()
METRICS_PORT = _env("METRICS_PORT", 0, int)  # on 127.0.0.1, while the crawl runs
METRICS_FOLDER = _env("METRICS_FOLDER", "", str)  # of node_exporter's textfile collector
LOG_FORMATTER = "crawler.log_formatter.LogFormatter"
FEED_EXPORT_ENCODING = "utf-8"
logging.getLogger("alembic").setLevel(logging.WARNING)  # it reports each look at the schema
# Both let whoever reaches the port run Python in the crawl.
TELNETCONSOLE_ENABLED = False
REMOTE_CONTROL_ENABLED = False
