"""The fields of an item that is rejected, as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from models.json_values import to_json_value


def plain_item(item: Any) -> Mapping[str, Any]:
    """Return the fields of a rejected item as JSON values. A value that has no JSON becomes text."""
    return {str(name): _kept(value) for name, value in dict(item).items()}


def _one_reading(value: Any) -> Any:
    """Return the value with its Decimals of three decimals, such as 12.500, as texts that no column reads as 12,500."""
    if type(value) is Decimal and re.fullmatch(r"-?[0-9]{1,3}\.[0-9]{3}", str(value)):
        return f"{value}E0"
    if type(value) is dict:
        return {name: _one_reading(part) for name, part in value.items()}
    return [_one_reading(part) for part in value] if type(value) is list else value


def _kept(value: Any) -> Any:
    try:
        return to_json_value(_one_reading(value))
    except (
        Exception
    ):  # lists in lists without end, or of the value's own code: it is rejected, whatever it is
        return f"{type(value).__name__} that cannot be kept"
