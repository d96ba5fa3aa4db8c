"""What pytest did not test: ``untested.py JUNIT-XML`` prints each reason once; in CI there may be none.

These are the tests that were skipped, and the ones that failed because in CI nothing may be skipped.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

MARK = re.compile(r'not tested: ([^"\n]+)')


def reasons(results: Path) -> Counter[str]:
    untested: Counter[str] = Counter()
    for outcome in ElementTree.parse(results).iterfind(".//testcase/*"):  # noqa: S314 (we wrote it)
        message = outcome.get("message", "")
        marked = MARK.search(message)
        if marked:
            untested[marked[1]] += 1
        elif outcome.tag == "skipped" and outcome.get("type") != "pytest.xfail":
            untested[message] += 1
    return untested


if __name__ == "__main__":
    results = Path(sys.argv[1])
    if not results.exists():
        sys.exit("pytest did not get to its end")
    untested = reasons(results)
    for reason, tests in sorted(untested.items()):
        print(f"not tested: {reason} ({tests} {'test' if tests == 1 else 'tests'})")
    if untested and os.environ.get("CI"):
        sys.exit("in CI everything has to be tested")
