"""Readers for ENUM and BOOLEAN columns."""

from __future__ import annotations

import enum
from collections import Counter
from typing import Any

from sqlalchemy import Boolean, Enum

from pipelines.values.invalid_value import Hints, InvalidValue, Reader, hint_text, quoted
from pipelines.values.words import folded, words_of

WORDS_FOR_TRUE = frozenset({"true", "yes", "y", "on", "1"})
WORDS_FOR_FALSE = frozenset({"false", "no", "n", "off", "0"})


def choice_reader(type_: Enum, hints: Hints) -> Reader:
    """Return a reader that finds a choice by its name, or by the value of an Enum class's member, in any case.

    The reader returns the name, for an Enum class too.
    """
    names = list(type_.enums)
    spellings = {name: name for name in names}
    for member in type_.enum_class or ():
        if isinstance(member.value, str) and type_.values_callable is None:
            spellings.setdefault(member.value, member.name)
    in_any_case = Counter({(text.casefold(), name) for text, name in spellings.items()})
    once = Counter(text for text, _ in in_any_case)
    in_small_letters = {text: name for text, name in in_any_case if once[text] == 1}
    words = words_of(hints)

    def read(value: Any) -> str:
        if isinstance(value, enum.Enum) and type_.enum_class and isinstance(value, type_.enum_class):
            return value.name if type_.values_callable is None else str(value.value)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise InvalidValue(f"is {type(value).__name__}, not one of {', '.join(names)}: {quoted(value)}")
        text = str(value)
        if text in spellings:
            return spellings[text]
        if (choice := words.get(folded(text), in_small_letters.get(text.casefold()))) is not None:
            return str(choice)
        hint = hint_text(words={text[:40]: names[0]})
        raise InvalidValue(
            f"is none of {', '.join(names)}: {quoted(value)}; if it means one of them, write "
            f"{hint}, or another choice"
        )

    return read


def boolean_reader(_type: Boolean, hints: Hints) -> Reader:
    """Return a reader for "yes", "no", and the texts of the hint ``words``."""

    words = words_of(hints)

    def read(value: Any) -> bool:
        if isinstance(value, bool):
            return value
        if not isinstance(value, str | int):
            raise InvalidValue(f"is {type(value).__name__}, neither yes nor no: {quoted(value)}")
        word = folded(value)
        if word in words:
            return bool(words[word])
        if word in WORDS_FOR_TRUE:
            return True
        if word in WORDS_FOR_FALSE:
            return False
        hint = hint_text(words={str(value)[:40]: True})
        raise InvalidValue(
            f"is neither yes nor no: {quoted(value)}; if it means yes or no, write {hint}, or False"
        )

    return read
