"""docs/field-reports.md has all reports, and the tests that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
REPORTS = 40


def sections() -> dict[str, str]:
    """Return the text of each report by its heading."""
    text = (ROOT / "docs" / "field-reports.md").read_text("utf-8")
    parts = re.split(r"^### (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_report_has_a_section() -> None:
    numbers = [number for heading in sections() for number in re.findall(r"\d+", heading.partition(":")[0])]
    assert set(map(int, numbers)) == set(range(1, REPORTS + 1))


@pytest.mark.parametrize("heading", sections(), ids=lambda heading: heading.partition(":")[0])
def test_the_tests_of_a_report_exist(heading: str) -> None:
    tests = sections()[heading].partition("\n- Tests: ")[2].partition("\n\n")[0]
    file, missing = "", []
    for path, name in re.findall(r"((?:tests|docs)/[\w/.]+\.\w+)?(?:::(\w+))?", tests):
        file = path or file
        if path and not (ROOT / path).is_file():
            missing.append(path)
        elif name and f"def {name}(" not in (ROOT / file).read_text("utf-8"):
            missing.append(f"{file}::{name}")
    assert file, "the report names no test"
    assert not missing
