"""The language of texts that are dates with the name of a month, if it is not English."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column
from sqlalchemy.types import TypeEngine

from models.column_hints import hint_error
from pipelines.values.coerce import coerce
from pipelines.values.date_text import month_names
from pipelines.values.invalid_value import InvalidValue

# Of languages that have the same names, the first one is taken.
FIRST = (
    "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "nb", "fi", "cs", "ru", "uk", "tr", "el", "hu", "ro", "ca",
    "sk", "hr", "sl", "bg", "sr", "id", "vi", "he", "ar", "fa", "hi", "th",
)  # fmt: skip
MOST = 4  # languages that are tried


def date_language(texts: Sequence[str], type_: TypeEngine[Any]) -> str | None:
    """Return the language in which all texts are dates of this type; None if there is none, or two disagree."""
    words = [set(re.findall(r"[^\W\d_]+", text.casefold())) for text in texts]
    named = [
        language
        for language in FIRST
        if (names := month_names().get(language)) and all(one & names.keys() for one in words)
    ]
    found: dict[str, list[Any]] = {}
    for language in named[:MOST]:
        column: Column[Any] = Column("guess", type_, nullable=False, info={"languages": [language]})
        if hint_error(column) is not None:
            continue
        try:
            found[language] = [coerce(text, column) for text in texts]
        except InvalidValue:
            continue
    return next(iter(found)) if found and len({tuple(values) for values in found.values()}) == 1 else None
