"""Shows a suggestion, and asks on a terminal about its record, its key and its names."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from crawler.security.plain_text import one_line
from crawler.suggestion.left_out_text import why
from crawler.suggestion.suggestion import Suggestion

ROWS = 5
MOST_QUESTIONS = 3  # about the key
WIDTH = 30  # characters of a sample


def show(suggestion: Suggestion) -> None:
    """Print the record, its fields with five samples each, its key and the next page."""
    console = Console(highlight=False)
    # As Text, not as markup: an XPath has square brackets.
    table = Table(title=Text(f"{suggestion.rows} records: {one_line(suggestion.record)}"))
    for heading in ("field", "type", "filled", "XPath", "samples"):
        table.add_column(heading)
    for field in suggestion.fields:
        name = f"{field.name} (key)" if field.name in suggestion.key else field.name
        samples = " | ".join(one_line(sample, WIDTH) for sample in field.samples[:ROWS])
        kind = field.type if field.language is None else f"{field.type} ({field.language})"
        table.add_row(name, kind, f"{field.filled:.0%}", Text(one_line(field.xpath)), Text(samples))
    console.print(table)
    for one in suggestion.left_out:
        text = f"left out: {one.field.name} ({why(one)}): {one.field.xpath}"
        console.print(Text(one_line(text, 2000)), soft_wrap=True)
    next_page = suggestion.next_page or suggestion.next_button or "none found"
    console.print(Text(f"next page: {one_line(next_page)}"), soft_wrap=True)


def choose(suggestions: Sequence[Suggestion], missing_key: Callable[[Suggestion], str]) -> Suggestion:
    """Return the suggestion that a person chose, with the key and the names that he wrote.

    It has no key if none was found and the person wrote none.

    Args:
        missing_key: returns why a suggestion has no key.
    """
    chosen = suggestions[0]
    for number, one in enumerate(suggestions, 1):
        show(one)
        if number == len(suggestions) or _is_yes("Are these the records? [Y/n] "):
            chosen = one
            break
    names = {field.name for field in chosen.fields}
    if not chosen.key:
        print(f"The records have no natural key: {one_line(missing_key(chosen), 1000)}")  # noqa: T201
    for _ in range(MOST_QUESTIONS):
        key = (
            tuple(_asked(f"Which fields identify a record? [{' '.join(chosen.key)}] ", "").split())
            or chosen.key
        )
        if key and set(key) <= names:
            break
        print(f"write some of: {' '.join(sorted(names))}")  # noqa: T201
    else:
        return dataclasses.replace(chosen, key=())
    chosen = dataclasses.replace(chosen, key=key)
    while answer := _asked("Rename a field (OLD=NEW) or remove it (OLD=); Enter: all are right. ", ""):
        for pair in answer.replace(",", " ").split():
            old, equals, new = pair.partition("=")
            if (
                not equals
                or old not in {field.name for field in chosen.fields}
                or (new and not new.isidentifier())
            ):
                there = " ".join(field.name for field in chosen.fields)
                print(f"{pair} is not done: write OLD=NEW, without blanks; the fields are {there}")  # noqa: T201
            else:
                chosen = renamed(chosen, old, new)
    return chosen


def renamed(suggestion: Suggestion, old: str, new: str) -> Suggestion:
    """Return the suggestion with another name for a field, or without it if ``new`` is empty."""
    fields = tuple(
        dataclasses.replace(field, name=new) if field.name == old else field
        for field in suggestion.fields
        if field.name != old or new
    )
    key = tuple(new if name == old else name for name in suggestion.key if name != old or new)
    return dataclasses.replace(suggestion, fields=fields, key=key)


def _is_yes(question: str) -> bool:
    while (answer := _asked(question, "y").lower()) not in ("y", "yes", "n", "no"):
        print("write y or n")  # noqa: T201
    return answer[0] == "y"


def _asked(question: str, default: str) -> str:
    return input(question).strip() or default
