"""The fields in which two versions of a row differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def changed_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the fields of ``new`` that have another value in ``old``, with the old and the new value.

    None is a value like any other.
    """
    return {name: (old[name], value) for name, value in new.items() if old[name] != value}
