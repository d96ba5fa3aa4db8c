"""Is a row other than it was: by the hash of its content, and field by field where the hash says so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any


def content_hash(values: Mapping[str, Any], fields: Sequence[str]) -> bytes:
    """A hash of a row's fields, the same for equal values: they come from the validator, in one spelling each."""
    row = list(map(values.__getitem__, fields))
    text = repr(row)
    if "{" in text or "[" in text[1:]:  # perhaps JSON, whose names come in any order
        text = repr([json.dumps(v, sort_keys=True) if isinstance(v, dict | list) else v for v in row])
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def changed_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The fields of ``new`` that ``old`` has another value for, with both. NULL is a value like any other."""
    return {name: (old[name], value) for name, value in new.items() if old[name] != value}
