"""How a log line is written: as text, or as a JSON object (``LOG_FORMAT=json``). Either way what a site wrote cannot
pass for a line of the log.
"""

from __future__ import annotations

import copy
import logging
import re

import scrapy.utils.log
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter
from scrapy.settings import Settings

from crawler.log_ids import ids_of

# Control characters, the ends of lines that only Unicode knows, what turns the direction of writing, half characters.
UNFIT = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
INDENT = "    "

_scrapys_formatter = scrapy.utils.log._get_formatter


def install() -> None:
    """Have Scrapy make its formatters here: it has no setting for that. Any number of times."""
    scrapy.utils.log._get_formatter = formatter_for


def formatter_for(handler: logging.Handler, settings: Settings) -> logging.Formatter:
    """The formatter that LOG_FORMAT names: ``json``, ``text``, or text in a format of Python's logging."""
    asked = settings.get("LOG_FORMAT")
    if asked == "json":
        return JsonLine()
    if asked == "text":
        settings = Settings({name: settings.get(name) for name in ("LOG_DATEFORMAT", "LOG_COLOR")})
    return TextLine(_scrapys_formatter(handler, settings))


class JsonLine(JsonFormatter):
    """A JSON object a line: time, level, logger, message, run, spider, request, and exc_info with the traceback."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
            # Objects that Scrapy puts on its lines for others to use; an item may be a page long.
            reserved_attrs=[*RESERVED_ATTRS, "spider", "crawler", "item"],
        )

    def add_fields(
        self, log_data: dict[str, object], record: logging.LogRecord, message_dict: dict[str, object]
    ) -> None:
        super().add_fields(log_data, record, message_dict)
        log_data |= ids_of(record)


class TextLine(logging.Formatter):
    """What ``inner`` makes of a record, of which only the first line begins at the margin.

    Line ends that came with an argument are escaped; those of the message itself, and of a traceback, whose last
    line may be anything, are followed by an indent. Whatever else a terminal would obey is escaped.
    """

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self.inner = inner

    def format(self, record: logging.LogRecord) -> str:
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
