"""What pytest did not test: ``untested.py JUNIT-XML`` prints each reason once; in CI there may be none."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

MARK = "not tested:"


def reasons(results: Path) -> Counter[str]:
    skipped = ElementTree.parse(results).iter("skipped")  # noqa: S314 (we wrote it)
    return Counter(
        entry.get("message", "").removeprefix(MARK).strip()
        for entry in skipped
        if entry.get("type") != "pytest.xfail"
    )


if __name__ == "__main__":
    results = Path(sys.argv[1])
    if not results.exists():
        sys.exit("pytest did not get to its end")
    untested = reasons(results)
    for reason, tests in sorted(untested.items()):
        print(f"{MARK} {reason} ({tests} {'test' if tests == 1 else 'tests'})")
    if untested and os.environ.get("CI"):
        sys.exit("in CI everything has to be tested")
