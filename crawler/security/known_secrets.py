"""The secrets in a crawl's settings, environment and arguments: redaction knows their values."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from scrapy.settings import BaseSettings

from models.redaction import HIDDEN, remember
from models.secret_names import NOT_KNOWN_BY_VALUE, SECRET_ADDRESSES, SECRET_VARIABLES, is_secret

# The user, the virtual host and the topic of a broker are no secrets. The user in our compose file is "splashdown".
BROKER_SCHEMES = frozenset(("amqp", "amqps", "kafka", "mqtt", "mqtts", "stomp", "stomps"))


def remember_settings(settings: BaseSettings) -> None:
    """Redact in every text the values of settings with a secret's name, and the passwords of settings that are URLs."""
    for name in settings:
        if not settings.getpriority(name):  # one of Scrapy's defaults: some of them warn when they are read
            continue
        value = settings.get(name)
        if not isinstance(value, str) or not value:
            continue
        if is_secret(str(name)):
            remember(value)
        for address in re.split(r"[\s,]+", value) if "://" in value else ():
            remember(*_of_address(address, whole=name in SECRET_ADDRESSES))
    for name in SECRET_VARIABLES:
        value = os.environ.get(name, "")
        remember(*(_of_address(value) if "://" in value else [value]))


def remember_arguments(arguments: Mapping[str, Any]) -> None:
    """Redact the values of a spider's arguments with a secret's name in every text."""
    for name, value in arguments.items():
        if is_secret(name) and name.lower() not in NOT_KNOWN_BY_VALUE and value != HIDDEN:
            remember(str(value))


def _of_address(address: str, *, whole: bool = False) -> list[str]:
    """Return the secrets in a URL: its password, encoded and decoded; if ``whole``, each part that may be a token."""
    scheme, _, rest = address.partition("://")
    userinfo, at, _ = rest.rpartition("@")
    _, colon, password = userinfo.partition(":")
    found = [password, unquote(password)] if at and colon and not rest.startswith("/") else []
    if whole and scheme.lower() not in BROKER_SCHEMES:
        # A host is no secret, but some addresses have a token in its place: slack://TOKEN/TOKEN.
        parts = (part for part in re.split(r"[/?&=@:]", rest) if len(part) >= 10 and "." not in part)
        found += [address, *parts]
    return found
