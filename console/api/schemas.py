"""What the schemas of the API share: text that a database can hold, and pages of long lists."""

from __future__ import annotations

from typing import Any

from apiflask import Schema, fields
from marshmallow import ValidationError
from marshmallow.validate import Length, Range

from console.paging import MOST, PAGE_SIZE
from console.security.text_input import is_storable
from models.redaction import redacted, without_secrets

LONGEST = 1000  # characters of an argument
LARGEST_ID = 2**31 - 1


class Text(fields.String):
    """Text that each database can hold: no NUL, no half of a character."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **options)
        if not is_storable(text):
            raise ValidationError("this text has a NUL, or a half of a character")
        return text


class Redacted(fields.String):
    """Text of a log or an error, without secrets."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **options: Any) -> str | None:
        return None if value is None else redacted(str(value))


class Address(fields.String):
    """A URL without secrets."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **options: Any) -> str | None:
        return None if value is None else without_secrets(str(value))


def short_text(longest: int = LONGEST, **options: Any) -> Text:
    """Return a field for text of at most so many characters."""
    return Text(validate=Length(max=longest), **options)


class ListQuery(Schema):
    """The query arguments of each list; a list with filters has a subclass with them."""

    limit = fields.Integer(
        load_default=PAGE_SIZE, validate=Range(1, MOST), metadata={"description": "rows of a page"}
    )
    after = short_text(
        load_default="", metadata={"description": "where the page begins: `after` of the page before"}
    )


class Nothing(Schema):
    """An empty JSON object."""


def listing_of(row: type[Schema]) -> type[Schema]:
    """Return the schema of one page of a long list of these rows (``console.paging.Listing``)."""
    name = row.__name__.removesuffix("Row")
    members = {
        "rows": fields.List(fields.Nested(row), required=True),
        "after": fields.String(
            required=True,
            allow_none=True,
            metadata={"description": "the place where the next page begins; null: this is the last page"},
        ),
        "__doc__": f"One page of a list: {name}.",
        "__module__": row.__module__,
    }
    return type(f"{name}List", (Schema,), members)
