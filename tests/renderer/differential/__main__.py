"""Compare the two renderers by hand: ``python -m tests.renderer.differential --splash URL --ours URL [WORDS]``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tests.processes import server
from tests.renderer.differential.ask import ask, differences
from tests.renderer.differential.case import Case, read_cases, record
from tests.renderer.differential.site import DifferentialSite

AT_A_TIME = 4


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.renderer.differential", description=__doc__)
    parser.add_argument(
        "--splash", default=os.environ.get("TEST_SPLASH_URL"), help="the URL of a real Splash 3.5"
    )
    parser.add_argument("--ours", help="the URL of our renderer; by default the command starts one")
    parser.add_argument("--show", action="store_true", help="show both answers in full")
    parser.add_argument(
        "--record", action="store_true", help="write our answers into the scripts, below the reasons"
    )
    parser.add_argument("words", nargs="*", help="run only cases whose topic or name has one of these words")
    options = parser.parse_args()
    if not options.splash:
        parser.error("give the URL of a real Splash with --splash or TEST_SPLASH_URL")
    cases = [
        case
        for case in read_cases()
        if not options.words or any(word.lower() in case.id.lower() for word in options.words)
    ]
    if options.ours:
        return compare(cases, options.splash, options.ours, show=options.show, record_ours=options.record)
    with server("renderer", "--port", "0", "--exit-with-stdin") as ours:
        return compare(cases, options.splash, ours, show=options.show, record_ours=options.record)


def compare(cases: list[Case], splash: str, ours: str, *, show: bool, record_ours: bool) -> int:
    """Print the differences; return 1 if one of them has no reason."""
    counts = {"equal": 0, "explained": 0, "different": 0}
    started = time.monotonic()
    with DifferentialSite() as site, ThreadPoolExecutor(AT_A_TIME) as a, ThreadPoolExecutor(AT_A_TIME) as b:
        theirs = [a.submit(ask, splash, site, case) for case in cases]
        our = [b.submit(ask, ours, site, case) for case in cases]
        for case, expected, got in zip(cases, theirs, our, strict=True):
            found = differences(expected.result(), got.result())
            kind = ("explained" if case.differs else "different") if found else "equal"
            counts[kind] += 1
            if kind == "different" or (kind == "equal") == bool(case.differs) or show:
                print(f"== {case.id} ({kind}; {case.differs or 'no reason'})")
                print("\n".join(f"   {line}" for line in found))
            if record_ours and kind == "explained":
                record(case, got.result())
            if show:
                print("splash", json.dumps(expected.result(), ensure_ascii=False))
                print("ours  ", json.dumps(got.result(), ensure_ascii=False))
    print(f"{len(cases)} scripts in {time.monotonic() - started:.1f} s: {counts}", file=sys.stderr)
    return 1 if counts["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
