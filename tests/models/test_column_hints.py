"""The check of hints: a model with an unknown, invalid or inapplicable hint does not load."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import ARRAY, Boolean, Column, Date, Enum, Integer, Interval, Numeric, String
from sqlalchemy.orm import Mapped, mapped_column

from models import Base, Row
from models.base import ModelError
from models.column_hints import HINTS, hint_error
from models.types import ExactNumeric, UtcDateTime
from tests.pipelines.values_page import PAGE


@pytest.mark.parametrize(
    ("type_", "hints"),
    [
        (ExactNumeric(10, 2), {"decimal": ",", "group": " ", "percent": "fraction", "accounting": True}),
        (Integer(), {"scale": {"k": 10**400}}),
        (Integer(), {"scale": {"k": 1000}, "words": {"sold out": 0, "n/a": None}, "tracked": False}),
        (Date(), {"languages": ["de", "fr"], "date_order": "DMY", "years_from": 1970}),
        (UtcDateTime(), {"timezone": "Europe/London", "fold": 0}),
        (Interval(), {"unit": "minutes", "clock": "M:S"}),
        (Boolean(), {"words": {"ja": True, "n/a": None}}),
        (Enum("new", "used"), {"words": {"as new": "used", "n/a": None}}),
        (Date(), {"words": {"n/a": None}}),
        (UtcDateTime(), {"words": {"n/a": None}}),
        (ARRAY(Numeric(10, 2)), {"decimal": ","}),
        (Numeric(10, 2), {"label": "Price", "doc.url": "https://x.example"}),  # keys of other programs
    ],
)
def test_a_right_hint_is_accepted(type_: Any, hints: dict[str, Any]) -> None:
    assert hint_error(Column("x", type_, info=hints)) is None


@pytest.mark.parametrize(
    ("type_", "hints", "why"),
    [
        (Numeric(10, 2), {"decimel": ","}, "no key 'decimel'; did you mean 'decimal'?"),
        (Numeric(10, 2), {"decimals": ","}, "no key 'decimals'; did you mean 'decimal'?"),
        (Numeric(10, 2), {"decimal": ";"}, "must be \".\" or \",\""),
        (Numeric(10, 2), {"accounting": 1}, "must be True or False"),
        (Numeric(10, 2), {"scale": {"k": "1000"}}, "what each word multiplies by"),
        (Numeric(10, 2), {"words": {"free": "0"}}, "a number for each text"),
        (Numeric(10, 2), {"date_order": "DMY"}, "does not apply to a column of type Numeric"),
        (String(10), {"decimal": ","}, "does not apply to a column of type String"),
        (Date(), {"languages": "de"}, "codes of languages"),
        (Date(), {"languages": ["german"]}, "codes of languages"),
        (Date(), {"date_order": "dmy"}, '"DMY" or "MDY" or "YMD"'),
        (Date(), {"timezone": "Europe/London"}, "does not apply to a column of type Date"),
        (UtcDateTime(), {"timezone": "Europe/Londn"}, "a time zone"),
        (UtcDateTime(), {"timezone": "../etc/passwd"}, "a time zone"),
        (Enum("new", "used"), {"words": {"as new": "old"}}, "one of the choices"),
        (Date(), {"words": {"soon": "2026-01-01"}}, "None for each text"),
        (UtcDateTime(), {"words": {"soon": 0}}, "None for each text"),
        (String(10), {"words": {"n/a": None}}, "does not apply to a column of type String"),
        (Boolean(), {"words": {"ja": 1}}, "True or False for each text"),
    ],
)  # fmt: skip
def test_the_error_of_a_wrong_hint_says_what_to_write(type_: Any, hints: dict[str, Any], why: str) -> None:
    error = hint_error(Column("x", type_, info=hints))
    assert error is not None
    assert why in error


def test_a_model_with_a_wrong_hint_does_not_load() -> None:
    class Parcel(Row):
        __tablename__ = "test_parcel_with_a_wrong_hint"
        number: Mapped[int] = mapped_column(primary_key=True, info={"traked": False})

    Base.metadata.remove(Parcel.table())
    with pytest.raises(
        ModelError, match=r"Parcel\.number: info has no key 'traked'; did you mean 'tracked'\?"
    ):
        Parcel.fields()


def test_the_docs_list_all_hints() -> None:
    assert all(f"| `{key}`: " in PAGE.read_text("utf-8") for key in HINTS)
