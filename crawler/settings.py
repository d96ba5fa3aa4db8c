"""All settings of the crawl: from the environment, then from ``.env``, then the defaults in this file.

They are Scrapy settings: ``-s NAME=VALUE`` and a spider's ``custom_settings`` override them.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import TypeVar

from dotenv import dotenv_values
from scrapy.settings import default_settings

from crawler.garbage_collection import collect_rarely
from crawler.spider.model_errors import show_in_one_line

collect_rarely()
show_in_one_line()  # before the imports that import the models

from crawler.delta.settings import DEFAULT_MAX_AGE, OFF, mode_of  # noqa: E402
from crawler.logs import lines as log_lines  # noqa: E402
from crawler.project import this_project  # noqa: E402
from crawler.rendering.settings import ALWAYS, DEFAULT_CHECK_SHARE, rendering_of  # noqa: E402
from crawler.spider import arguments as spider_arguments  # noqa: E402

PROJECT = this_project()
ROOT = PROJECT.root
ENV_FILE = os.environ.get("SPLASHDOWN_ENV_FILE", str(ROOT / ".env"))

T = TypeVar("T")


def _environment() -> dict[str, str | None]:
    """Return the settings of ``.env`` and of the environment, which override them."""
    try:
        return {**(dotenv_values(ENV_FILE) if ENV_FILE else {}), **os.environ}
    except PermissionError:
        sys.exit(f"{ENV_FILE} may not be read by this user: run the command as the owner of the file")
    except UnicodeDecodeError:
        sys.exit(f"{ENV_FILE} is no text in UTF-8: write it again")


ENVIRONMENT = _environment()


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
    mode_of: "off, on or adaptive",
    rendering_of: "auto, always or never",
    _level: "one of DEBUG, INFO, WARNING, ERROR, CRITICAL",
}

BOT_NAME = "splashdown"
SPIDER_MODULES = [PROJECT.sites]
NEWSPIDER_MODULE = PROJECT.sites
COMMANDS_MODULE = "crawler.commands"
SPIDER_LOADER_CLASS = "crawler.spider.loader.SpiderLoader"

# --- The database -----------------------------------------------------------------------------------------------

DATABASE_URL = _env("DATABASE_URL", f"sqlite:///{ROOT / 'data' / 'splashdown.db'}", str)
PROJECT_MIGRATIONS = str(PROJECT.migrations or "")  # the folder of the project's own revisions
DATABASE_BATCH_ROWS = _env("DATABASE_BATCH_ROWS", 500, int)
DATABASE_PATIENCE = _env(
    "DATABASE_PATIENCE", 900.0, float
)  # seconds that the writer waits for a lost database
HISTORY_ENABLED = _env("HISTORY_ENABLED", True, _switch)  # each change of a row is stored in row_change

# --- Events: each change of a row is sent to brokers and webhooks (scrapy relay) ------------------------------------

BROKER_URL = _env(
    "BROKER_URL", "", str
)  # the addresses of the sinks, with blanks between them; they are secrets
OUTBOX_ENABLED = _env(
    "OUTBOX_ENABLED", bool(BROKER_URL), _switch
)  # each change is stored in outbox_event, too
OUTBOX_KEEP = _env("OUTBOX_KEEP", 604_800.0, float)  # seconds that events stay after all sinks have got them
OUTBOX_LAG_LIMIT = _env(
    "OUTBOX_LAG_LIMIT", 600.0, float
)  # seconds; an older event that is not sent is an alarm
RELAY = "outbox.command.run_relay"

# --- Shared runs: several processes crawl one run (scrapy crawl NAME --shared) --------------------------------------

RUN_SHARED = _env(
    "RUN_SHARED", False, _switch
)  # each crawl is one with --shared, those of scrapy schedule too
RUN_PARTITIONS = _env("RUN_PARTITIONS", 64, int)  # of a run that --shared begins
# amqp:// or kafka://, which says who has which partition; it is a secret. Empty: the database says it.
WORKERS_URL = _env("WORKERS_URL", "", str)
WORKERS_PATIENCE = _env("WORKERS_PATIENCE", 300.0, float)  # seconds that a worker waits for that broker
PARTITION_ENGINE = "workers.engine.engine_of"

# --- The console: a web application (scrapy console) ------------------------------------------------------------------

CONSOLE_ADDRESS = _env("CONSOLE_ADDRESS", "127.0.0.1", str)
CONSOLE_PORT = _env("CONSOLE_PORT", 8770, int)
CONSOLE_URL = _env("CONSOLE_URL", "", str)  # as browsers reach it, if a proxy is in front of it
CONSOLE_HOSTS = _env("CONSOLE_HOSTS", "", str)  # names that it answers to; others are refused
CONSOLE_PROXIES = _env("CONSOLE_PROXIES", 0, int)  # how many proxies are in front of it
CONSOLE_CONFIG = _env("CONSOLE_CONFIG", "", str)  # a Python file with settings of Flask
CONSOLE_SESSION_IDLE = _env(
    "CONSOLE_SESSION_IDLE", 43_200.0, float
)  # seconds without use; then a session ends
CONSOLE_SESSION_AGE = _env("CONSOLE_SESSION_AGE", 604_800.0, float)  # seconds; then each session ends
CONSOLE = "console.command.run_console"

# --- Runs -------------------------------------------------------------------------------------------------------

GONE_LIMIT = _env(
    "GONE_LIMIT", 0.2, float
)  # the largest share of a spider's rows that may be gone after one run
SHUTDOWN_TIMEOUT = _env("SHUTDOWN_TIMEOUT", 20.0, float)  # seconds that pages in flight have after SIGTERM
FRONTIER_WINDOW = _env("FRONTIER_WINDOW", 10_000, int)  # requests in memory; the rest is in the table

# --- Pages that did not change since the last crawl are not fetched again -----------------------------------------

DELTA = _env("DELTA", OFF, mode_of)  # off, on, adaptive
DELTA_MAX_AGE = _env(
    "DELTA_MAX_AGE", DEFAULT_MAX_AGE, float
)  # seconds; a page is then fetched whatever it says

# --- The policy: a run that breaks a limit ends with exit code 2, and ALERT_URLS get a message ----------------------

MIN_ROWS = _env("MIN_ROWS", None, _whole)  # by default 1 for a spider with a model
MAX_FAILED_SHARE = _env("MAX_FAILED_SHARE", 0.05, float)  # of the pages
MAX_REFUSED_SHARE = _env("MAX_REFUSED_SHARE", 0.05, float)  # of the pages: HTTP 402, 403, challenge pages
MAX_CUT_SHARE = _env("MAX_CUT_SHARE", 0.05, float)  # of the done pages: rows may be missing at their end
MAX_REJECTED_SHARE = _env("MAX_REJECTED_SHARE", 0.05, float)  # of the items for a table
MAX_COVERAGE_DROP = _env(
    "MAX_COVERAGE_DROP", 0.2, float
)  # of the rows in which a column has a value, compared with the last good runs

# Addresses in Apprise's form that get a message when a spider's exit code becomes bad or good again. They are secrets.
ALERT_URLS = _env("ALERT_URLS", "", str)
ALERT_STATES = str(ROOT / "data" / "alarms")  # the state in the last message

# --- The renderer ---------------------------------------------------------------------------------------------------

# One URL, or several with commas or white space between them. Empty: the crawl starts our own renderer (renderer/)
# and ends it.
SPLASH_URL = _env("SPLASH_URL", "", str)
SPLASH_USER = _env("SPLASH_USER", "", str)
SPLASH_PASS = _env("SPLASH_PASS", "", str)
SPLASH_SCRIPTS = _env("SPLASH_SCRIPTS", True, _switch)  # off for a Splash with --disable-lua
SPLASH_LOG_LEVEL = _env("SPLASH_LOG_LEVEL", "WARNING", _level)
# always: render() renders. auto: plain HTTP answers pages for which it was seen to yield the same.
# never: plain HTTP answers all pages.
RENDERING = _env("RENDERING", ALWAYS, rendering_of)
RENDERING_CHECK_SHARE = _env(
    "RENDERING_CHECK_SHARE", DEFAULT_CHECK_SHARE, float
)  # of the pages: rendered and compared with plain HTTP for ever (auto)
RENDERER_PATIENCE = _env("RENDERER_PATIENCE", 60.0, float)  # seconds that the crawl waits for lost renderers
RENDERER_SLOTS = _env("RENDERER_SLOTS", 4, int)  # pages that our own renderer has open at once

# --- The user agent, and the load on a site -------------------------------------------------------------------

# The owner of a site should be able to find out who crawls it: write an address into CONTACT.
CONTACT = _env("CONTACT", "", str)
USER_AGENT = _env(
    "USER_AGENT", f"Splashdown/{version('splashdown')}" + (f" (+{CONTACT})" if CONTACT else ""), str
)
ROBOTSTXT_OBEY = _env("ROBOTSTXT_OBEY", True, _switch)

# A new Scrapy project requests one page a second from a site. Rendering a page takes about as long, so that would be
# one page at a time. We request at most four pages a second and four at once from each site, which is little load for
# a small server. The delay varies by half of itself, so that the requests are not at regular times.
DOWNLOAD_DELAY = _env("DOWNLOAD_DELAY", 0.25, float)
DOWNLOAD_DELAY_JITTER = 0.5
CRAWL_DELAY_LIMIT = _env("CRAWL_DELAY_LIMIT", 60.0, float)  # seconds that a robots.txt may set as the delay
CONCURRENT_REQUESTS = _env("CONCURRENT_REQUESTS", 16, int)
CONCURRENT_REQUESTS_PER_DOMAIN = _env("CONCURRENT_REQUESTS_PER_DOMAIN", 4, int)
# A server on this machine is ours and needs no delay.
DOWNLOAD_SLOTS = {
    host: {"concurrency": 8, "delay": 0, "jitter": 0} for host in ("127.0.0.1", "localhost", "::1")
}
DOWNLOAD_TIMEOUT = _env("DOWNLOAD_TIMEOUT", 60.0, float)
RETRY_TIMES = _env("RETRY_TIMES", 2, int)
RETRY_AFTER_LIMIT = _env("RETRY_AFTER_LIMIT", 86_400.0, float)  # seconds that a Retry-After may ask to wait
HOST_BACKOFF_LIMIT = _env(
    "HOST_BACKOFF_LIMIT", 60.0, float
)  # seconds that a host backs off at most after 429, 503 or a timeout without Retry-After; 0: no back-off
HOST_PATIENCE = _env(
    "HOST_PATIENCE", 900.0, float
)  # seconds that the crawl waits if all pages that are left are for hosts that ask to wait

# --- Limits on what a site can make the crawl load ---------------------------------------------------------------

DOWNLOAD_MAXSIZE = _env(
    "DOWNLOAD_MAXSIZE", 64 * 1024 * 1024, int
)  # bytes of a page, as sent or decompressed; 0: no limit
DOWNLOAD_WARNSIZE = _env(
    "DOWNLOAD_WARNSIZE", 16 * 1024 * 1024, int
)  # bytes above which the log has a warning
ROBOTSTXT_MAXSIZE = _env(
    "ROBOTSTXT_MAXSIZE", 512 * 1024, int
)  # bytes that the crawl reads of a robots.txt; 0: all
LINK_SCHEMES = _env(
    "LINK_SCHEMES", "http,https", str
)  # schemes that links may have; start() may use any scheme

# Schedules that override those of the spiders: "* * * * *", or "books: 0 4 * * *; quotes: off".
SCHEDULE = _env("SCHEDULE", "", str)

# The demo site, which the demo spiders crawl.
DEMO_URL = _env("DEMO_URL", "http://127.0.0.1:8765", str).rstrip("/")

# --- A page's way through Scrapy ------------------------------------------------------------------------------

# Our middlewares and extensions are in the ..._BASE lists, which the custom_settings of a spider do not replace: every
# run has them. None switches one off; a class that derives from one of scrapy-splash's takes its place.
DOWNLOADER_MIDDLEWARES_BASE = {
    **default_settings.DOWNLOADER_MIDDLEWARES_BASE,
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
    "frontier.current_request.RequestIdMiddleware": 1,
    "frontier.offsite.OffsiteMiddleware": 50,
    "crawler.download.link_schemes.LinkSchemesMiddleware": 60,
    "crawler.splash.rendered_inspection.RenderedInspectionMiddleware": 70,
    "frontier.unchanged_pages.UnchangedPagesMiddleware": 150,  # after robots.txt
    "frontier.new_cookies.NewCookiesMiddleware": 699,  # after CookiesMiddleware, before redirects
    "frontier.rate_limits.RateLimitMiddleware": 720,  # after the next two, before retries
    "crawler.download.refused_pages.RefusedPageMiddleware": 721,  # after RenderedPageMiddleware, before retries
    "crawler.splash.rendered_pages.RenderedPageMiddleware": 722,
    "frontier.adaptive_rendering.AdaptiveRenderingMiddleware": 722.5,  # after the waits of hosts, before Splash
    "scrapy_splash.SplashCookiesMiddleware": 723,
    "scrapy_splash.SplashMiddleware": 725,
    "crawler.splash.failover.FailoverMiddleware": 740,  # between scrapy-splash, at 725, and the download
    "scrapy.downloadermiddlewares.httpcompression.HttpCompressionMiddleware": 810,  # as scrapy-splash wants it
    "crawler.download.cut_off_middleware.CutOffMiddleware": 950,  # before the HTTP cache
    "crawler.download.size_limits.PageSizeMiddleware": 960,  # before anything is decompressed
}
SPIDER_MIDDLEWARES_BASE = {
    **default_settings.SPIDER_MIDDLEWARES_BASE,
    "frontier.current_request.RequestIdMiddleware": 0,
    "frontier.spider_middlewares.EngineSideMiddleware": 1,
    "scrapy_splash.SplashDeduplicateArgsMiddleware": 100,
    "frontier.spider_middlewares.SpiderSideMiddleware": 10_000,
    "crawler.delta.sitemap_dates.SitemapDatesMiddleware": 10_100,
    "frontier.rendering_judge.RenderingJudgeMiddleware": 10_200,  # next to the spider
}
SCHEDULER = "frontier.scheduler.Scheduler"
DOWNLOADER = "frontier.downloader.Downloader"
PAGE_WRITER = "pipelines.storage.writer.make_writer"
REPLAY = "pipelines.rejected_replay.replay"
RUN_ACCEPTANCE = "pipelines.run_acceptance.accept_run"
PAGE_READER = "frontier.snapshot_reader.OfflineSpider"
PAGE_STORE = "pipelines.page_replay.PageStore"
ITEM_PROCESSOR = "pipelines.item_processor.PageItemProcessor"
ITEM_CHECK = "pipelines.item_check.check_item"
TYPE_GUESS = "pipelines.values.type_guess.type_of"
# Scrapy makes so many tasks for each page. Its default, 100, takes half of the time of a small page. Our pipelines do
# not wait for anything, so a few tasks are enough.
CONCURRENT_ITEMS = 4
REQUEST_FINGERPRINTER_CLASS = "scrapy_splash.SplashRequestFingerprinter"
ITEM_PIPELINES = {
    "pipelines.validate.ValidatePipeline": 300,
    "pipelines.upsert.UpsertPipeline": 800,
}
EXTENSIONS_BASE = {
    **default_settings.EXTENSIONS_BASE,
    "scrapy.extensions.telnet.TelnetConsole": None,
    "scrapy.extensions.closespider.CloseSpider": None,
    "scrapy.extensions.remote_control.RemoteControl": None,
    "crawler.remote_access.TelnetConsole": 0,
    "crawler.remote_access.RemoteControl": 0,
    "crawler.run.close_spider.CloseSpider": 0,
    "crawler.garbage_collection.GarbageCollectionExtension": 0,
    "crawler.splash.extension.RendererExtension": 10,
    "crawler.run.extension.RunExtension": 15,
    "crawler.snapshots.extension.SnapshotExtension": 16,
    "crawler.metrics.extension.MetricsExtension": 18,
    "crawler.download.crawl_delay.CrawlDelayExtension": 19,
    "crawler.run.progress.ProgressExtension": 20,
    "crawler.run.summary.SummaryExtension": 30,
}

# --- Page snapshots -------------------------------------------------------------------------------------------

KEPT_PAGES = _env("KEPT_PAGES", 20, int)  # the newest snapshots of each run and reason; 0: none
KEPT_PAGES_FOLDER = str(ROOT / _env("KEPT_PAGES_FOLDER", "data/pages", str))
KEPT_PAGE_BYTES = _env(
    "KEPT_PAGE_BYTES", 5_000_000, int
)  # the crawl saves no larger page and no larger screenshot

# --- Logs and metrics -----------------------------------------------------------------------------------------

LOG_LEVEL = _env("LOG_LEVEL", "INFO", _level)
LOG_FORMAT = _env("LOG_FORMAT", "text", _log_format)
log_lines.install()
spider_arguments.install()  # notes the arguments, which are a part of a run's scope
RUN_LOG_LINES = _env("RUN_LOG_LINES", 300, int)  # the last lines of each run that the database has; 0: none
METRICS_PORT = _env("METRICS_PORT", 0, int)  # on 127.0.0.1, while the crawl runs
METRICS_FOLDER = _env("METRICS_FOLDER", "", str)  # the folder of node_exporter's textfile collector
LOG_FORMATTER = "crawler.logs.formatter.LogFormatter"
FEED_EXPORT_ENCODING = "utf-8"
logging.getLogger("alembic").setLevel(logging.WARNING)  # it logs each check of the schema
# With either of them, anyone who reaches the port can run Python in the crawl.
TELNETCONSOLE_ENABLED = False
REMOTE_CONTROL_ENABLED = False
