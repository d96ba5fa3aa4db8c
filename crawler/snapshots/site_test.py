"""Test cases from snapshots: the page, and the rows and links that the spider must yield.

A case is a folder, ``tests/pages/<spider>/<run>-<number>``, which may be renamed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from crawler.atomic_file import write_atomically
from crawler.page.parse_result import ParseResult
from crawler.snapshots.page_snapshot import PageSnapshot, read_snapshot, write_snapshot
from models import Row
from models.json_values import to_json_value

PAGE, ROWS = "page", "rows.json"


def found_on(result: ParseResult) -> dict[str, Any]:
    """Return the rows and links as JSON values. A rejected item is one of the rows, with null in its invalid fields."""
    rows = [_as_json(row.model, {**row.values, **row.children}) for row in result.rows]
    for rejection in result.rejections:
        invalid = {name.partition("[")[0]: None for name in rejection.reasons if name}
        rows.append(_as_json(rejection.model, {**rejection.item, **invalid}))
    return {"rows": rows, "links": list(result.links)}


def write_case(folder: Path, page: PageSnapshot, result: ParseResult) -> Path:
    """Write the test case in ``folder``, in place of an older one of the same page, and return its folder.

    Raises:
        OSError: the folder cannot be written.
    """
    case = folder / page.spider / page.name.replace("/", "-")
    why = [one.strip().rpartition("\n")[2] for one in page.why]  # without the paths of a traceback
    write_snapshot(case, replace(page, name=PAGE, why=why))
    text = json.dumps(found_on(result), ensure_ascii=False, indent=1)
    write_atomically(case / ROWS, f"{text}\n".encode())
    case.chmod(0o755)
    for file in case.iterdir():  # it will be in git, so everybody may read it
        file.chmod(0o644)
    return case


def read_case(case: Path) -> tuple[PageSnapshot, dict[str, Any]]:
    """Return the page of a test case, and the rows and links of ``rows.json``.

    Raises:
        UnreadableSnapshot: the page's files are not as they were written.
    """
    return read_snapshot(case, PAGE), json.loads((case / ROWS).read_text("utf-8"))


def _as_json(model: type[Row], fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"table": model.__tablename__, **{name: _plain(value) for name, value in fields.items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return to_json_value(value)
