"""The configuration of the console: values of the environment, then those of the file that CONSOLE_CONFIG names."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, kw_only=True)
class ConsoleConfig:
    """What the console must know.

    Attributes:
        pages_folder: the folder of page snapshots.
        hosts: the names by which browsers may call the console; a request with another ``Host`` is refused.
        proxies: how many proxies are in front of it, whose X-Forwarded-... headers count.
        file: a Python file whose values override the others (Flask's ``from_pyfile``); None: no file.
        session_idle, session_age: a session ends when it was not used for so long, and at the latest after so long.
        renderers: the addresses in SPLASH_URL, each with the value of its Authorization header.
        alert_kinds: the kinds of the addresses in ALERT_URLS, such as "mailto"; the addresses are secrets.
    """

    pages_folder: Path
    hosts: tuple[str, ...] = LOOPBACK
    proxies: int = 0
    file: Path | None = None
    session_idle: timedelta = timedelta(hours=12)
    session_age: timedelta = timedelta(days=7)
    renderers: tuple[tuple[str, str | None], ...] = field(default=(), repr=False)
    alert_kinds: tuple[str, ...] = ()

    def for_flask(self) -> dict[str, object]:
        """Return the values as Flask has them."""
        return {
            "PAGES_FOLDER": self.pages_folder,
            "TRUSTED_HOSTS": list(self.hosts),
            "PROXIES": self.proxies,
            "SESSION_IDLE": self.session_idle,
            "SESSION_AGE": self.session_age,
            "RENDERERS": self.renderers,
            "ALERT_KINDS": self.alert_kinds,
            # Flask's own session has only the messages of the next page; a new key at each start is enough.
            "SECRET_KEY": secrets.token_bytes(32),
            "SESSION_COOKIE_NAME": "splashdown_messages",
            "SESSION_COOKIE_SAMESITE": "Lax",
            # A form has some fields; the API takes a few kilobytes.
            "MAX_CONTENT_LENGTH": 256 * 1024,
            "MAX_FORM_MEMORY_SIZE": 64 * 1024,
            "MAX_FORM_PARTS": 100,
            "JSON_SORT_KEYS": False,
        }
