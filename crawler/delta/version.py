"""The version of the code that reads a page. After a change of the code all pages are fetched."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from scrapy import Spider

from crawler.spider.models import models_of
from models import Row


def version_of(spider: Spider) -> bytes | None:
    """Return a hash of the modules of the spider's classes, of its render scripts, and of its models' columns.

    Returns None if the source of a module cannot be read.
    """
    digest = hashlib.sha1(usedforsecurity=False)
    files: dict[Path, None] = {}
    for cls in type(spider).__mro__:
        if cls is object:
            continue
        file = getattr(sys.modules.get(cls.__module__), "__file__", None)
        if file is None:
            return None
        path = Path(file)
        files[path] = None
        if issubclass(cls, Spider):
            files |= dict.fromkeys(sorted((path.parent / "lua").glob("*.lua")))
            files |= dict.fromkeys(sorted(path.parent.glob("*.lua")))
    try:
        for path in files:
            digest.update(path.read_bytes())
    except OSError:
        return None
    for model in models_of(spider):
        digest.update(columns_of(model).encode())
    return digest.digest()


def columns_of(model: type[Row]) -> str:
    """Return the columns of a model with everything that decides what a text becomes in them."""
    columns = [
        (name, repr(column.type), column.nullable, column.primary_key, sorted(map(repr, column.info.items())))
        for name, column in model.fields().items()
    ]
    return repr((model.__tablename__, columns, sorted(model.children())))
