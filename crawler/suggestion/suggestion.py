"""The result of a search for records: ``Suggestion`` and its ``Field``s."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict

from crawler.suggestion.relative_time import is_relative_time

# Returns the type of texts: "str", "int", "Decimal", "date", "datetime" or "bool". The language of the months may
# follow the type of a date, if it is not English: "date de".
TypeOf = Callable[[Sequence[str]], str]


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field of a record.

    ``xpath`` is relative to the record. It returns the text or the attribute itself, so that
    ``record.xpath(field.xpath).get()`` is the value; an element that is missing returns ``""`` or None.
    """

    name: str
    xpath: str
    type: str  # "str", "int", "Decimal", "date", "datetime" or "bool"
    filled: float  # the share of records with a value, from 0 to 1
    samples: tuple[str, ...]  # the first texts
    max_length: int  # characters of the longest text
    language: str | None = None  # of a date whose months are not English

    @property
    def is_relative_time(self) -> bool:
        """Return whether each crawl reads another text from the same page, as of "3 hours ago"."""
        return self.type == "str" and is_relative_time(self.samples)


class Kind(TypedDict):
    """The attributes of a ``Field`` that follow from its type."""

    type: str
    language: str | None


def kind_of(texts: Sequence[str], type_of: TypeOf) -> Kind:
    """Return the attributes for the texts of a field. A time relative to now is a text, not the number in it."""
    name, _, language = ("str" if is_relative_time(texts) else type_of(texts)).partition(" ")
    return {"type": name, "language": language or None}


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A value of the records that is no field, and why: RARE, SAME or ICON."""

    field: Field
    why: str


RARE = "rare"  # too few records have it
SAME = "same"  # it is the same in all records
ICON = "icon"  # a column of a table without text; the field has an attribute of its icon


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A repeated record of a list page, as XPaths that a spider can use."""

    record: str  # the XPath of the records
    fields: tuple[Field, ...]
    key: tuple[
        str, ...
    ]  # the names of the natural key's fields; () if no one or two fields identify a record
    detail: str | None  # the relative XPath of the link to the detail page
    next_page: str | None  # the XPath of the next page's @href
    rows: int  # how many records the page has
    source: str  # "json-ld", "microdata" or "markup"
    grid_rows: int = 0  # how many records their grid says that it has, if it has more than the page
    is_placed: bool = (
        False  # the records have places of their own, so those out of sight may not be on the page
    )
    in_menu: bool = False  # the records are in a menu, a header or a footer
    next_button: str | None = None  # the XPath of the next page's button, if no link leads there
    left_out: tuple[LeftOut, ...] = ()
    joined: tuple[str, ...] = ()  # fields with several values in a record, which are stored together


def text_only(samples: Sequence[str]) -> str:
    """Return "str" for all texts; the types of ``pipelines.values.type_guess`` are better."""
    return "str"
