"""In which fields is a row other than it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def changed_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The fields of ``new`` that ``old`` has another value for, with both. NULL is a value like any other."""
    return {name: (old[name], value) for name, value in new.items() if old[name] != value}
