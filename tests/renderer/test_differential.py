"""Published scripts have the same answers as on real Splash, or renderer/README.md has the reason."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.renderer.differential.ask import ask, differences
from tests.renderer.differential.case import Case, comparable, read_cases
from tests.renderer.differential.site import DifferentialSite

CASES = read_cases()
README = " ".join((Path(__file__).parent.parent.parent / "renderer/README.md").read_text("utf-8").split())
AT_A_TIME = 4


@pytest.fixture(scope="module")
def site() -> Iterator[DifferentialSite]:
    with DifferentialSite() as site:
        yield site


def faults(case: Case, splash: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """Return the unexplained differences of two answers, or why the case's reason does not hold."""
    found = differences(splash, ours)
    if not case.differs:
        return found
    if not found:
        return ["the answers are equal now: remove the reason"]
    return differences(case.ours, comparable(ours))


@pytest.mark.parametrize("topic", sorted({case.topic for case in CASES}))
def test_scripts_have_the_same_answers_as_on_splash(
    topic: str, real_splash: str, chromium_renderer: str, site: DifferentialSite
) -> None:
    cases = [case for case in CASES if case.topic == topic]
    wrong = []
    with ThreadPoolExecutor(AT_A_TIME) as splash_threads, ThreadPoolExecutor(AT_A_TIME) as our_threads:
        asked = [
            (
                case,
                splash_threads.submit(ask, real_splash, site, case),
                our_threads.submit(ask, chromium_renderer, site, case),
            )
            for case in cases
        ]
        for case, splash, ours in asked:
            if faults(case, splash.result(), ours.result()):
                wrong.append(case)
    # On a busy machine a script may wait for too short a time, so ask again, one case after another.
    lines = [
        f"{case.name}: {line}"
        for case in wrong
        for line in faults(case, ask(real_splash, site, case), ask(chromium_renderer, site, case))
    ]
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize("reason", sorted({case.differs for case in CASES if case.differs}))
def test_the_readme_has_the_reason_of_a_difference(reason: str) -> None:
    assert reason in README


def test_each_script_has_a_name_of_its_own() -> None:
    assert len({case.id for case in CASES}) == len(CASES) >= 150
