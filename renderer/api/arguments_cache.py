"""Arguments that a client sent once with save_args and names by their hash from then on."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

MAX_ENTRIES = 500


class ArgumentsCache:
    """Forgets what was not used for longest."""

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._values: OrderedDict[str, Any] = OrderedDict()
        self._max_entries = max_entries

    def __len__(self) -> int:
        return len(self._values)

    def add(self, value: Any) -> str:
        key = hash_of(value)
        self._values[key] = value
        self._values.move_to_end(key)
        while len(self._values) > self._max_entries:
            self._values.popitem(last=False)
        return key

    def missing(self, wanted: Mapping[str, str]) -> list[str]:
        """The names among ``{name: hash}`` whose values are not here any more."""
        return [name for name, key in wanted.items() if key not in self._values]

    def load(self, wanted: Mapping[str, str]) -> dict[str, Any]:
        for key in wanted.values():
            self._values.move_to_end(key)
        return {name: self._values[key] for name, key in wanted.items()}

    def clear(self) -> int:
        removed = len(self._values)
        self._values.clear()
        return removed


def hash_of(value: Any) -> str:
    """What Splash calls the hash of a value; clients compute it too."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha1(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
