"""A kept page as a test case: the page, and the rows and links that a spider has to find on it.

The case is a folder, ``tests/pages/<spider>/<run>-<number>``, which may be given a better name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from crawler.kept_page import KeptPage, read_page, write_page, write_whole
from crawler.reading import Reading
from models import Row
from models.plain import plain

PAGE, ROWS = "page", "rows.json"


def found_on(reading: Reading) -> dict[str, Any]:
    """What a reading found, as JSON has it. A rejected item is among the rows, its unfit fields as null."""
    rows = [_as_json(row.model, {**row.values, **row.children}) for row in reading.rows]
    for rejection in reading.rejections:
        unfit = {name.partition("[")[0]: None for name in rejection.reasons if name}
        rows.append(_as_json(rejection.model, {**rejection.item, **unfit}))
    return {"rows": rows, "links": list(reading.links)}


def write_case(folder: Path, page: KeptPage, reading: Reading) -> Path:
    """Make the test case below ``folder``; an older one of the same page is replaced.

    Raises:
        OSError: the folder cannot be written.
    """
    case = folder / page.spider / page.name.replace("/", "-")
    why = [one.strip().rpartition("\n")[2] for one in page.why]  # without the paths of a traceback
    write_page(case, replace(page, name=PAGE, why=why))
    text = json.dumps(found_on(reading), ensure_ascii=False, indent=1)
    write_whole(case / ROWS, f"{text}\n".encode())
    case.chmod(0o755)
    for file in case.iterdir():  # it will be in git, for everybody
        file.chmod(0o644)
    return case


def read_case(case: Path) -> tuple[KeptPage, dict[str, Any]]:
    """The page of a test case, and what has to be found on it.

    Raises:
        UnreadablePage: the page's files are not what was written.
    """
    return read_page(case, PAGE), json.loads((case / ROWS).read_text("utf-8"))


def _as_json(model: type[Row], fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"table": model.__tablename__, **{name: _plain(value) for name, value in fields.items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return plain(value)
