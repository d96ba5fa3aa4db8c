"""Saved arguments: a client sends a value once with save_args, and later names its hash with load_args."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

MAX_ENTRIES = 500


class ArgumentsCache:
    """The saved values by their hashes; when it is full, it forgets the value that was not used for longest."""

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._values: OrderedDict[str, Any] = OrderedDict()
        self._max_entries = max_entries

    def __len__(self) -> int:
        return len(self._values)

    def add(self, value: Any) -> str:
        """Save the value and return its hash."""
        key = hash_of(value)
        self._values[key] = value
        self._values.move_to_end(key)
        while len(self._values) > self._max_entries:
            self._values.popitem(last=False)
        return key

    def missing(self, wanted: Mapping[str, str]) -> list[str]:
        """Return the names in ``{name: hash}`` whose values are not saved any more."""
        return [name for name, key in wanted.items() if key not in self._values]

    def load(self, wanted: Mapping[str, str]) -> dict[str, Any]:
        """Return the saved values of ``{name: hash}`` by name; all of them must be there."""
        for key in wanted.values():
            self._values.move_to_end(key)
        return {name: self._values[key] for name, key in wanted.items()}

    def clear(self) -> int:
        """Forget all values and return their number."""
        removed = len(self._values)
        self._values.clear()
        return removed


def hash_of(value: Any) -> str:
    """Return Splash's hash of a value; clients compute the same one."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha1(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
