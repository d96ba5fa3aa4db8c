"""How values look on pages: filters and functions of the templates. All of them return text that Jinja escapes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from flask import Flask, request, url_for
from markupsafe import Markup

from console.security.identity import this_person
from crawler.security.plain_text import one_line, without_controls
from models.console_account import may
from models.redaction import hidden_values, redacted, without_secrets

LONGEST = 300  # characters of a value in a list


def init(app: Flask) -> None:
    """Let the templates use the functions of this module."""
    filters = {
        "time": time_element,
        "number": number,
        "bytes": byte_size,
        "duration": duration,
        "short": short,
        "last_line": last_line,
        "value": value_text,
        "excerpt": excerpt,
        "url": shown_url,
        "redacted": redacted,
        "hidden": hidden_values,
        "json": pretty_json,
        "one_line": one_line,
        "percent": percent,
    }
    app.jinja_env.filters.update(filters)
    app.jinja_env.finalize = shown
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

    @app.context_processor
    def functions() -> dict[str, Any]:
        person = this_person()
        return {
            "person": person,
            "may": lambda role: person is not None and may(person.role, role),
            "with_args": with_args,
            "has_view": lambda endpoint: endpoint in app.view_functions,
        }


def shown(value: Any) -> Any:
    """Return a value of a template without the characters that could change the text around it.

    Jinja calls this for each value, with a filter or without. Markup comes from our own templates.
    """
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return without_controls(value, "\n\t")


def with_args(**changed: Any) -> str:
    """Return the URL of this page with changed query arguments; None removes one. The place in a list is removed."""
    arguments = request.args.to_dict(flat=False)
    arguments.pop("after", None)
    for name, value in changed.items():
        if value is None:
            arguments.pop(name, None)
        else:
            arguments[name] = [str(value)]
    path = url_for(request.endpoint or "today.page", **(request.view_args or {}))
    return path + (f"?{urlencode(arguments, doseq=True)}" if arguments else "")


def time_element(value: datetime | None, missing: str = "") -> Markup | str:
    """Return a ``<time>`` in UTC, which the browser shows in the zone of the viewer."""
    if value is None:
        return missing
    utc = value.astimezone(UTC)
    return Markup('<time datetime="{}" title="{} UTC">{} UTC</time>').format(
        f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M:%S}", f"{utc:%Y-%m-%d %H:%M}"
    )


def number(value: float | Decimal | None, missing: str = "") -> str:
    """Return a number with thousands separators."""
    if value is None:
        return missing
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}".rstrip("0").rstrip(".")


def byte_size(value: int | None, missing: str = "") -> str:
    """Return a number of bytes in a unit that people read: "12.3 MiB"."""
    if value is None:
        return missing
    size = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"


def duration(seconds: float | None, missing: str = "") -> str:
    """Return a number of seconds as people say it: "4 s", "12 min", "3 h 5 min"."""
    if seconds is None:
        return missing
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def percent(share: float | None, missing: str = "") -> str:
    """Return a share as a percentage."""
    return missing if share is None else f"{share * 100:.1f} %".replace(".0 %", " %")


def value_text(value: Any) -> str:
    """Return a value of a row or of a change as text on one line, not cut."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return without_controls(str(value))


def short(value: Any, longest: int = LONGEST) -> str:
    """Return a value as text on one line of at most ``longest`` characters."""
    text = value_text(value)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def last_line(text: str | None) -> str:
    """Return the last line of a text: of a traceback that is the error itself."""
    lines = [line for line in (text or "").splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def excerpt(value: Any, other: Any, longest: int = LONGEST) -> str:
    """Return a value as ``short`` does; of two long texts the part where they begin to differ."""
    text, against = value_text(value), value_text(other)
    if len(text) <= longest or value is None or other is None:
        return short(value, longest)
    same = next((n for n, (a, b) in enumerate(zip(text, against, strict=False)) if a != b), 0)
    begin = same - longest // 4
    return short(value, longest) if begin <= 0 else f"…{short(text[begin:], longest)}"


def shown_url(url: str | None) -> str:
    """Return a URL without secrets, on one line."""
    return "" if url is None else one_line(without_secrets(url), 2000)


def pretty_json(value: Any) -> str:
    """Return a JSON value with indents, without secrets."""
    return json.dumps(hidden_values(value), ensure_ascii=False, indent=2, default=str)
