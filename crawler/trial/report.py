"""The report of a trial: its pages, the rows as they would be stored, rejected items, and selectors without a hit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from crawler.run.verdict import button_note, forbidden_note, merged_line, next_note, shared_key_note
from crawler.security.plain_text import last_line, one_line
from crawler.trial.missing_records import more_pages_note, siblings_note, windowed_note
from crawler.trial.selector_hits import Place, SelectorHits
from crawler.trial.trial_pages import TrialPage
from models.rejected import RejectedItem
from models.request import FAILED, REFUSED, CrawlRequest
from models.run import CrawlRun
from models.run_failures import forbidden_pages
from models.run_stats import pages_with_next_left, pages_without_button, row_models
from models.shared_keys import shared_keys
from models.table_contents import table_contents

ROWS = 10  # that are shown of a table
WIDTH = 40  # characters of a value
FIELDS = 8  # columns of a table that are shown side by side
LEAST = 8  # characters of a value that are shown, at least
VERTICAL_ROWS = 3  # that are shown below each other, if the columns do not fit side by side


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The numbers of rows, rejected items and failed pages of a trial."""

    rows: int
    rejected: int
    failed: int

    @property
    def is_good(self) -> bool:
        return self.rows > 0 and not self.rejected and not self.failed


def natural_order(key: Sequence[Any]) -> list[list[tuple[int, str]]]:
    """Return what sorts keys as a person does: numbers in texts by their value, "9" before "10"."""
    return [[_rank(part) for part in re.split(r"(\d+)", str(value))] for value in key]


def _rank(part: str) -> tuple[int, str]:
    """Return the order of a part of a text: a number by its length, then by its digits."""
    digits = part.lstrip("0") if part.isdecimal() else ""
    return len(digits), digits or part


def report(
    engine: Engine, pages: Sequence[TrialPage], hits: SelectorHits, folder: Path, record: str | None = None
) -> Outcome:
    """Print what the trial found, and return its numbers. Texts of the site are printed as plain text.

    Args:
        folder: of the trial; it has snapshots of pages that have a fault.
        record: the selector of the spider's records, if it is known.
    """
    console = Console(soft_wrap=False, highlight=False)
    _print_pages(console, pages)
    rows = 0
    for model in row_models():
        contents = table_contents(engine, model)
        found = [contents[key] for key in sorted(contents, key=natural_order)]
        if found:
            rows += len(found)
            print_rows(console, model.__tablename__, list(model.fields()), found)
            for line in empty_lines(model.__tablename__, list(model.fields()), found):
                _say(console, line, "yellow")
    with Session(engine) as session:
        rejected = session.scalars(select(RejectedItem).order_by(RejectedItem.id)).all()
        failed = session.scalars(select(CrawlRequest).where(CrawlRequest.state.in_((FAILED, REFUSED)))).all()
        for item in rejected[:ROWS]:
            reasons = "; ".join(f"{name} {why}".strip() for name, why in item.reasons.items())
            _say(console, f"rejected ({item.table_name}): {reasons}", "red")
        for request in failed[:ROWS]:
            _say(console, f"failed: {request.url}: {last_line(request.error or '')}", "red")
            for file in sorted((folder / "snapshots").glob(f"{request.run_id}/{request.number}.*")):
                _say(console, f"  {file}")
        for run_id in session.scalars(select(CrawlRun.id)).all():
            notes = button_note(pages_without_button(session, run_id))
            notes += forbidden_note(*forbidden_pages(session, run_id))
            notes += next_note(pages_with_next_left(session, run_id))
            if merged := session.scalar(select(func.sum(CrawlRequest.merged))):
                notes.append(merged_line(int(merged)))
            for line in (*notes, *shared_key_note(shared_keys(session, run_id))):
                _say(console, line, "yellow")
        outcome = Outcome(rows=rows, rejected=len(rejected), failed=len(failed))
    for page in pages:
        for remark in (windowed_note(page), siblings_note(page, record)):
            if remark is not None:
                _say(console, remark, "yellow")
    if note := more_pages_note(pages):
        _say(console, note, "yellow")
    if any(page.is_scrolled for page in pages):
        for place in hits.leaving_records():
            _say(
                console,
                f"{place.query} ({place}) leaves an element, and the items of a scrolled list stand beside each other "
                "in its page: if it leaves an item, it reads another one; let items select the whole record",
                "yellow",
            )
    _print_hits(console, hits)
    _say(
        console,
        f"pages {len(pages)}, rows {outcome.rows}, rejected items {outcome.rejected}, failed pages {outcome.failed}; "
        "nothing was written to the tables",
    )
    return outcome


def _print_pages(console: Console, pages: Sequence[TrialPage]) -> None:
    for page in pages:
        _say(console, f"HTTP {page.status} {page.name}: {page.file}")


def empty_lines(table_name: str, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each column that no row has a value of, if there are several rows."""
    empty = [name for name in names if not any(row[name] is not None for row in rows)]
    return [f"{table_name}.{name}: no value in any row" for name in empty] if len(rows) > 1 else []


def print_rows(
    console: Console, table_name: str, names: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Print the rows side by side, or the first ones vertically if the columns ``names`` do not fit side by side."""
    title = f"{table_name}, {len(rows)} rows"
    shares = {name: f"{_filled(rows, name):.0%}" for name in names}
    filled = {name: f"{share} filled" for name, share in shares.items()}
    cells = {name: [_cell(row[name]) for row in rows[:ROWS]] for name in names[:FIELDS]}
    longest = {name: max(cell_len(text) for text in (name, *map(str, cells[name]))) for name in cells}
    least = [max(min(longest[name], LEAST), len(shares[name])) for name in cells]
    with_shares = [max(longest[name], len(shares[name])) for name in cells]
    with_words = [max(longest[name], len(filled[name])) for name in cells]
    widths = fitting_widths(with_words, with_words, console.width)
    if widths is None:  # the word "filled" takes no place from a value
        widths = fitting_widths(with_shares, least, console.width)
    if widths is None:
        _print_vertically(console, title, rows, filled)
        return
    table = Table(title=title)
    for name, width in zip(cells, widths, strict=True):
        table.add_column(name, overflow="ellipsis", no_wrap=True, width=width)
    for line in zip(*cells.values(), strict=True):
        table.add_row(*line)
    table.add_section()
    texts = (
        filled[name] if len(filled[name]) <= width else shares[name]
        for name, width in zip(cells, widths, strict=True)
    )
    table.add_row(*(Text(text, style="dim") for text in texts))
    console.print(table)
    for name in names[FIELDS:]:
        samples = ", ".join(one_line(str(row[name]), WIDTH) for row in rows[:3])
        _say(console, f"  {name}: {filled[name]}: {samples}")


def fitting_widths(wanted: Sequence[int], least: Sequence[int], width: int) -> list[int] | None:
    """Return the widths of the columns of a table of at most ``width`` characters; None if they do not fit.

    Args:
        wanted: the width of the longest text of each column.
        least: the width that each column needs; at most the wanted one.
    """
    available = width - 3 * len(wanted) - 1  # without the borders, and the blanks beside each text
    if sum(least) > available:
        return None
    widths = list(wanted)
    while sum(widths) > available:
        widest = max((i for i in range(len(widths)) if widths[i] > least[i]), key=widths.__getitem__)
        widths[widest] -= 1
    return widths


def _print_vertically(
    console: Console, title: str, rows: Sequence[Mapping[str, Any]], filled: Mapping[str, str]
) -> None:
    """Print the first rows with a line for each value, then the share of each column that has values."""
    _say(console, title)
    for number, row in enumerate(rows[:VERTICAL_ROWS], 1):
        _say(console, f"row {number}:")
        for name in filled:
            _say_value(console, name, "NULL" if row[name] is None else str(row[name]))
    _say(console, f"columns of all {len(rows)} rows:")
    for name, share in filled.items():
        _say_value(console, name, share)


def _say_value(console: Console, name: str, value: str) -> None:
    console.print(Text(f"  {name}: {one_line(value)}"), soft_wrap=True)


def _filled(rows: Sequence[Mapping[str, Any]], name: str) -> float:
    return sum(row[name] is not None for row in rows) / len(rows)


def _cell(value: Any) -> Text:
    return Text("NULL", style="dim") if value is None else Text(one_line(str(value), WIDTH))


def _print_hits(console: Console, hits: SelectorHits) -> None:
    table = Table(title="XPaths and CSS selectors")
    for heading in ("hits", "calls", "selector", "line"):
        table.add_column(heading, justify="right" if heading in ("hits", "calls") else "left")
    for place in sorted(hits.calls):
        number = hits.hits[place]
        style = "" if number else "red"
        row: Iterable[str] = (str(number), str(hits.calls[place]), place.query, _line(place))
        table.add_row(*(Text(one_line(cell), style=style) for cell in row))
    if hits.calls:
        console.print(table)
    for place in sorted(hits.calls):
        if not hits.hits[place]:
            _say(console, f"0 hits for {place.query} ({place})", "red")


def _line(place: Place) -> str:
    return f"{place.file}:{place.line}" + (f" {place.name}" if place.name else "")


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(one_line(text, 2000), style=style), soft_wrap=True)
