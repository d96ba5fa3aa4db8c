"""The format of log lines: text, or JSON objects (``LOG_FORMAT=json``).

Text of a site cannot look like a line of the log, and secrets are redacted.

``install`` replaces the function that makes the formatters of Scrapy's log handler. Scrapy 2.19 has no setting for
this, and each way without the replacement loses something:

- LOG_FORMATTER changes the messages of Scrapy's own events only. Warnings, tracebacks and the lines of other loggers
  would keep their secrets and line ends.
- An extension or ``Addon.update_settings`` comes late. ``CrawlerProcess`` makes the handler and writes its first lines
  before there is a crawler, and ``Crawler.__init__`` makes the handler again with the LOG_... settings of the spider.
  These lines would have another format. LOG_FORMAT=json would end the process: it is no format of Python's logging.
- ``Addon.update_pre_crawler_settings`` comes before ``configure_logging``, whose ``dictConfig`` closes all handlers. A
  LOG_FILE that is not appended to is not opened again.
- LOG_INSTALL_ROOT_HANDLER=False with a handler of our own would have to repeat LOG_FILE, LOG_ENABLED, LOG_LEVEL,
  LOG_SHORT_NAMES and the spider's ``custom_settings``. A script that calls ``configure_logging`` would get a
  handler that shows secrets.
"""

from __future__ import annotations

import copy
import logging
import re
import sys
import traceback
from types import TracebackType

import scrapy.utils.log
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter
from scrapy.settings import Settings

from crawler.logs.run_ids import ids_of
from crawler.security.known_secrets import remember_settings
from models.redaction import hidden_values, redacted

# Control characters, Unicode's line ends, characters that change the direction of writing, lone surrogates.
UNFIT = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
INDENT = "    "

_scrapys_formatter = scrapy.utils.log._get_formatter


def install() -> None:
    """Have Scrapy use ``formatter_for``, and print uncaught errors without secrets. More calls change nothing."""
    scrapy.utils.log._get_formatter = formatter_for
    sys.excepthook = _print_traceback


def _print_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of an uncaught error, without secrets."""
    print(redacted("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.stderr)  # noqa: T201


def formatter_for(handler: logging.Handler, settings: Settings) -> logging.Formatter:
    """Return the formatter for LOG_FORMAT: ``json``, ``text``, or text in a format of Python's logging."""
    remember_settings(settings)
    log_format = settings.get("LOG_FORMAT")
    if log_format == "json":
        return JsonLine()
    if log_format == "text":
        settings = Settings({name: settings.get(name) for name in ("LOG_DATEFORMAT", "LOG_COLOR")})
    return TextLine(_scrapys_formatter(handler, settings))


class JsonLine(JsonFormatter):
    """A JSON object a line: time, level, logger, message, run, spider, request, and exc_info with the traceback."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
            # Objects that Scrapy adds to its records; an item may be a page long.
            reserved_attrs=[*RESERVED_ATTRS, "spider", "crawler", "item"],
        )

    def add_fields(
        self, log_data: dict[str, object], record: logging.LogRecord, message_dict: dict[str, object]
    ) -> None:
        super().add_fields(log_data, record, message_dict)
        for name, value in log_data.items():
            log_data[name] = redacted(value) if isinstance(value, str) else hidden_values(value)
        log_data |= ids_of(record)


class TextLine(logging.Formatter):
    """The text of the formatter ``inner``, with an indent before each line of a record but the first.

    Line ends in an argument are escaped. Line ends of the message itself and of a traceback get the indent, since the
    last line of a traceback may be any text. All other characters that control a terminal are escaped.
    """

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self.inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return redacted(self._formatted(record))

    def _formatted(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if message.isprintable() and not (record.exc_info or record.exc_text or record.stack_info):
            return self.inner.format(record)
        safe = copy.copy(record)
        if record.args and "\n" not in str(record.msg):
            message = message.replace("\n", "\\n")
        safe.msg, safe.args = _indented(message), None
        if record.exc_info:
            safe.exc_text = self.inner.formatException(record.exc_info)
        if safe.exc_text:
            safe.exc_text = INDENT + _indented(safe.exc_text)
        if record.stack_info:
            safe.stack_info = INDENT + _indented(record.stack_info)
        return self.inner.format(safe)


def _indented(text: str) -> str:
    return UNFIT.sub(_escaped, text).replace("\n", f"\n{INDENT}")


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
