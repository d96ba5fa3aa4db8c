"""Print why pytest did not run tests, each reason once: ``untested.py JUNIT-XML``. In CI, any reason is a failure.

These tests were skipped, or they failed because no test may be skipped in CI.
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
    """Return the reasons in a JUnit file, with the number of tests of each."""
    untested: Counter[str] = Counter()
    for outcome in ElementTree.parse(results).iterfind(".//testcase/*"):  # noqa: S314 - pytest wrote the file
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
        sys.exit("pytest ended before it wrote its results: see its output")
    untested = reasons(results)
    for reason, tests in sorted(untested.items()):
        print(f"not tested: {reason} ({tests} {'test' if tests == 1 else 'tests'})")
    if untested and os.environ.get("CI"):
        sys.exit("in CI, every test must run: provide the services that the lines above name")
