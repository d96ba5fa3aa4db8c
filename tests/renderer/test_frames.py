"""The names of frames that have none."""

from __future__ import annotations

import pytest

from renderer.render.frames import unique_name


@pytest.mark.parametrize(
    ("name", "number", "around", "expected"),
    [
        ("inner", 3, ("",), "inner"),
        ("", 0, ("",), "<!--framePath //<!--frame0-->-->"),
        ("", 1, ("", "outer"), "<!--framePath //outer/<!--frame1-->-->"),
        ("", 2, ("", "<!--framePath //<!--frame0-->-->"), "<!--framePath //<!--frame0-->/<!--frame2-->-->"),
    ],
)
def test_a_frame_without_a_name_is_named_by_its_path(
    name: str, number: int, around: tuple[str, ...], expected: str
) -> None:
    assert unique_name(name, number, around) == expected
