"""Print how right the suggestions are for the saved pages, beside autoscraper's.

``python -m tests.crawler.suggestion.evaluate [--autoscraper-python PYTHON] [PAGE ...]``: autoscraper is no package of
ours; PYTHON is the interpreter of an environment that has it. It learns from the values of the first record, which
the suggestion does not get. autoscraper 1.1.14 needs beautifulsoup4 before 4.13; with a later one it finds nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

from tests.crawler.suggestion.scoring import Page, Score, pages, score, share_of_fields, share_of_records

RULES = Path(__file__).parent / "autoscraper_rules.py"


def autoscraper_score(page: Page, python: str) -> tuple[float, float]:
    """Return the shares of records and fields that autoscraper finds right."""
    wanted = [field[0] if isinstance(field[0], str) else field[0][0] for field in page.fields]
    question = json.dumps({"html": page.html, "url": page.url, "wanted": wanted})
    answer = subprocess.run(
        [python, str(RULES)], input=question, capture_output=True, text=True, timeout=120, check=False
    )
    if answer.returncode:
        return 0.0, 0.0
    columns = json.loads(answer.stdout)
    # Its columns may begin before the first record: with a header, for instance.
    shifted = {(name, start): column[start:] for name, column in columns.items() for start in range(4)}
    best = max((share_of_records(page, len(column)) for column in columns.values()), default=0.0)
    return best, share_of_fields(page, shifted)


def line(page: Page, got: Score, other: tuple[float, float] | None) -> str:
    compared = "" if other is None else f"{other[0]:>10.0%}{other[1]:>8.0%}"
    yes = ("no", "yes")
    return (
        f"{page.name:<20}{f'{page.software} {page.version}':<36}{got.records:>8.0%}{got.fields:>8.0%}"
        f"{yes[got.next]:>6}{yes[got.details]:>8}{compared}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="How right are the suggestions for the saved pages?")
    parser.add_argument("pages", nargs="*", help="the names of pages; by default all")
    parser.add_argument("--autoscraper-python", help="a Python that has autoscraper, to compare with")
    options = parser.parse_args()
    chosen = [page for page in pages() if not options.pages or page.name in options.pages]
    more = f"{'autoscraper: records':>20} fields" if options.autoscraper_python else ""
    print(
        f"{'page':<20}{'software and version':<36}{'records':>8}{'fields':>8}{'next':>6}{'detail':>8}{more}"
    )
    scores = []
    for page in chosen:
        got = score(page)
        scores.append(got)
        python = options.autoscraper_python
        print(line(page, got, autoscraper_score(page, python) if python else None), flush=True)
    good = sum(one.fields >= 0.8 for one in scores)
    print(f"at least 80 % of the fields right on {good} of {len(scores)} pages")


if __name__ == "__main__":
    main()
