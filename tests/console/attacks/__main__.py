"""Attack a console that runs, and print a table of what was tried and what came.

python -m tests.console.attacks [--database URL] [--no-browser] [--quick] [--only TEXT]

The database must be an empty one. The exit code is 1 if an attack had an effect.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from tests.console.attacks import browser, content, inputs, log_in, other_sites, roles
from tests.console.attacks.attack import Attack, Outcome
from tests.console.attacks.target import Target

ATTACKS: dict[str, Attack] = {
    **content.ATTACKS,
    **browser.ATTACKS,
    **other_sites.ATTACKS,
    **roles.ATTACKS,
    **inputs.ATTACKS,
    **log_in.ATTACKS,
}
SHOWN = 5  # attempts that did not hold


def carry_out(
    target: Target, *, with_browser: bool, only: str = "", without: Collection[str] = ()
) -> Iterator[Outcome]:
    """Carry out the attacks, and yield what came of each."""
    for name, attack in ATTACKS.items():
        if (
            (with_browser or name not in browser.ATTACKS)
            and name not in without
            and only.lower() in name.lower()
        ):
            yield Outcome(attack=name, tries=list(attack(target)))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", help="the URL of an empty database; without it an SQLite file")
    parser.add_argument("--no-browser", action="store_true", help="without those that need a Chromium")
    parser.add_argument("--quick", action="store_true", help="some of the texts in each argument only")
    parser.add_argument("--only", default="", help="attacks whose name has this text")
    options = parser.parse_args()
    held = True
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        target = Target(folder, stack, options.database, thorough=not options.quick)
        print("| attack | tries | what came | held |\n| --- | --- | --- | --- |")
        for outcome in carry_out(target, with_browser=not options.no_browser, only=options.only):
            print(outcome.line, flush=True)
            for one in [one for one in outcome.tries if not one.held][:SHOWN]:
                print(f"  did not hold: {one.what[:300]!r}: {one.came}", file=sys.stderr, flush=True)
            held = held and outcome.held
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
