"""Attacks by rows and pages of sites: scripts, terminal codes, RTL overrides, 5 MB cells, on screens and in exports."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter, deque
from collections.abc import Iterator
from html import unescape
from urllib.parse import quote, urlsplit

from pyarrow import parquet

from tests.console.attacks import routes
from tests.console.attacks.attack import Attack, Try, status_try
from tests.console.attacks.hostile_data import PAGES
from tests.console.attacks.target import Target
from tests.console.screens import SCREENS
from tests.console.site_tables import KEYS, ODD, TEXTS
from tests.console.test_tables import harmless

EACH = 30  # addresses of one kind that are opened
FIELDS = 3  # of a change of add_history, each a line of an export
LARGEST = 2_000_000  # characters of a screen; a 5 MB cell is larger


def fault_of(html: str) -> str:
    """Return what a screen has that it must not have; empty: nothing."""
    try:
        harmless(html)
    except AssertionError as error:
        return f"has {str(error).splitlines()[0][-40:]}"
    if any(' src="/static/' not in one for one in re.findall(r"<script[^>]*>", html)):
        return "has a script of a row"
    if re.search(r"<img(?! class=\"snapshot\")|<[^>\"]*(\"[^\"]*\"[^>\"]*)*\son\w+=", html):
        return "has an element of a row"
    return f"has {len(html):,} characters" if len(html) > LARGEST else ""


def screens(target: Target) -> dict[str, str]:
    """Open the screens and what they link to; return what is wrong on each of them."""
    if not target.seen:
        waiting = deque(one.replace("table=book", "table=wide") for one in SCREENS)
        waiting += [
            f"/tables/rows?table={quote(name)}&gone=with&limit=500"
            for name in (ODD, "wide", "measure", "file")
        ]
        waiting += [f"/pages/{target.run_id}/{number}" for number in range(len(PAGES))]
        waiting += [
            f"/changes/row?table={quote(ODD)}&key={quote(json.dumps([key]))}" for key in [*KEYS, *TEXTS]
        ]
        kinds: Counter[str] = Counter()
        while waiting:
            path = waiting.popleft()
            kind = re.sub(r"\d+", "N", urlsplit(path).path)
            if path in target.seen or "/export" in path or kinds[kind] >= EACH:
                continue
            kinds[kind] += 1
            answer = target.admin.get(path)
            is_html = answer.headers.get("content-type", "").startswith("text/html")
            if answer.status == 404:  # of a table or a spider that is no more
                target.seen[path] = fault_of(answer.text)
            elif answer.status != 200:
                target.seen[path] = f"{answer.status}"
            elif "/document" in path or "/source" in path or not is_html:
                continue
            else:
                target.seen[path] = fault_of(answer.text)
                found = re.findall(r'(?:href|hx-get|data-part)="(/[^"]*)', answer.text)
                links = [unescape(one).partition("#")[0] for one in found]
                waiting += [one for one in links if not one.startswith("/static/")]
    return target.seen


def rows_on_screens(target: Target) -> Iterator[Try]:
    """Look at the HTML of each screen and each link on it."""
    for path, fault in screens(target).items():
        yield Try(what=path, came=fault or "text", held=not fault)


def rows_in_the_api(target: Target) -> Iterator[Try]:
    """Read each list of the API: JSON that no browser takes for a page."""
    for rule in routes.rules():
        if rule.rule.startswith("/api/") and "GET" in (rule.methods or set()) and "export" not in rule.rule:
            path = routes.filled(rule.rule, target.run_id)
            answer = target.admin.get(
                path, **({"table": "wide", "key": "[1]"} if rule.rule.endswith("/rows") else {})
            )
            kind = answer.headers.get("content-type", "")
            sealed = kind.startswith(("application/json", "application/octet-stream"))
            held = answer.status in (200, 404) and answer.headers.get("x-content-type-options") == "nosniff"
            held = held and (sealed or answer.status == 404)
            came = f"{answer.status} as JSON" if kind.startswith("application/json") else str(answer.status)
            yield Try(what=path, came=came, held=held)


def exports(target: Target) -> Iterator[Try]:
    """Export hostile tables and changes in each format, and read the files as programs do."""
    csv.field_size_limit(10_000_000)
    keys = len(KEYS) + len(TEXTS)
    for path in ("/tables/export", "/changes/export"):
        for table in (ODD, "wide"):
            for form in ("csv", "jsonl", "parquet"):
                answer = target.viewer.get(path, table=table, format=form)
                what, head = f"{path} {table} {form}", answer.headers.get("content-disposition", "")
                if answer.status != 200 or not re.fullmatch(r'attachment; filename="[\w.-]+"', head):
                    yield status_try(what, answer, 200, also=False)
                    continue
                try:
                    number, formulas = _read(answer.body, form)
                except Exception as error:
                    yield Try(what=what, came=f"cannot be read: {error!r:.80}", held=False)
                    continue
                wanted = keys if path.startswith("/tables") else FIELDS * keys
                held = not formulas and (table != ODD or number == wanted)
                yield Try(
                    what=what,
                    came="a file, no formula" if held else f"{number} rows {formulas[:2]}",
                    held=held,
                )


def _read(data: bytes, form: str) -> tuple[int, list[str]]:
    """Return the number of rows of a file, and its cells that a spreadsheet takes as formulas."""
    if form == "parquet":
        return parquet.read_table(io.BytesIO(data)).num_rows, []
    if form == "jsonl":
        return len([json.loads(line) for line in data.splitlines()]), []
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    cells = [cell for row in rows for cell in row]
    wrong = [
        one for one in cells if one.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) and not _is_number(one)
    ]
    return len(rows) - 1, wrong


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?(e[+-]\d+)?", cell) is not None


def kept_pages(target: Target) -> Iterator[Try]:
    """Open the HTML, the source and the screenshot of hostile pages: each has the policy of a page that is nothing."""
    for number in range(len(PAGES)):
        for end in ("document", "source", "screenshot"):
            answer = target.viewer.get(f"/pages/{target.run_id}/{number}/{end}")
            policy = answer.headers.get("content-security-policy", "")
            kind = answer.headers.get("content-type", "")
            sealed = policy.startswith("sandbox; default-src 'none'") and "script-src" not in policy
            links = (
                re.search(rb"(?i)<(meta|base|link|a|area)[\s/>]", answer.body) if end == "document" else None
            )
            if end == "screenshot":
                yield status_try(f"{number} {end}", answer, 404)
                continue
            held = answer.status == 200 and sealed and links is None and "utf-7" not in kind
            yield Try(
                what=f"{number} {end}",
                came="200, sealed" if held else f"{answer.status} {kind} {policy}",
                held=held,
            )
        answer = target.viewer.get(f"/api/v1/pages/{target.run_id}/{number}/body")
        held = answer.status == 200 and "html" not in answer.headers.get("content-type", "")
        yield Try(what=f"{number} body", came="200, sealed" if held else str(answer.headers), held=held)


ATTACKS: dict[str, Attack] = {
    "Scripts, terminal codes, RTL overrides, 5 MB cells: HTML of every screen": rows_on_screens,
    "The same in every list of the API": rows_in_the_api,
    "The same and formulas in CSV, JSON lines, Parquet": exports,
    "Hostile pages: document, source, screenshot": kept_pages,
}
