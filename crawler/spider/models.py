"""The models that a spider can fill, as far as they are known before its first item."""

from __future__ import annotations

import sys

from scrapy import Spider

from models import Row


def models_of(spider: Spider) -> tuple[type[Row], ...]:
    """Return the spider's ``model`` and the models that its modules name, with the models of their children."""
    found: dict[type[Row], None] = {}
    for cls in type(spider).__mro__:
        for value in vars(sys.modules.get(cls.__module__, object)).values() if _is_own(cls) else ():
            _add(value, found)
    _add(getattr(spider, "model", None), found)
    return tuple(found)


def _is_own(cls: type) -> bool:
    return issubclass(cls, Spider) and not cls.__module__.startswith("scrapy.")


def _add(value: object, found: dict[type[Row], None]) -> None:
    if not (isinstance(value, type) and issubclass(value, Row)) or value in found or not value.has_table():
        return
    found[value] = None
    for children in value.children().values():
        _add(children.model, found)
