"""Page snapshots without credentials: without cookies, passwords and all other values that give access."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crawler.security.url_credentials import without_userinfo
from models.redaction import hidden_values, redacted, without_secrets
from models.secret_names import NO_CREDENTIALS, SECRET_KEYS, is_secret, may_be_secret

CALLBACK_ARGUMENTS = "cb_kwargs"


def url_to_keep(url: str) -> str:
    """Return the URL without user name and password, and with ``***`` for the values of its secret arguments."""
    return without_secrets(without_userinfo(url)[0])


def is_credential(name: str) -> bool:
    """Return whether a header, an argument or a key in ``meta`` with this name is a credential."""
    return name.lower() not in NO_CREDENTIALS and (name.lower() in SECRET_KEYS or may_be_secret(name))


def without_credentials(value: Any, *, texts: bool = True) -> Any:
    """Return a copy of a JSON value without its credentials, at any depth: headers, cookies, proxies, passwords.

    A header is a pair, or an object with a name and a value as in HAR. An argument of the callback stays with the
    value ``***``, since a replay calls the callback with all arguments.

    Args:
        texts: redact texts as well. Off for texts of a site.
    """
    if isinstance(value, Mapping):
        return {
            name: hidden_values(part)
            if name == CALLBACK_ARGUMENTS
            else without_credentials(part, texts=texts)
            for name, part in value.items()
            if not is_credential(str(name))
        }
    if isinstance(value, list | tuple):
        return [without_credentials(part, texts=texts) for part in value if not _is_secret_header(part)]
    return redacted(value) if texts and isinstance(value, str) else value


def _is_secret_header(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "value" in value and is_secret(str(value.get("name", "")))
    return (
        isinstance(value, list | tuple)
        and len(value) == 2
        and isinstance(value[0], str)
        and len(value[0]) <= 60
        and is_secret(value[0])
    )
