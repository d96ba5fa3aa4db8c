"""Attacks on a console that runs: ``python -m tests.console.attacks`` does the same with more texts and a Chromium."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.console.attacks.__main__ import ATTACKS, carry_out
from tests.console.attacks.target import Target

# They need a hundred hashes of passwords. tests/console/test_login.py is about the same without a server.
SLOW = {
    "150 logins at once, and pages of others meanwhile",
    "Brute force: one password, many names",
    "Brute force: the old password, with a stolen session",
    "Open redirect after login",
}


@pytest.mark.timeout(240)
def test_the_console_holds(tmp_path: Path) -> None:
    assert set(ATTACKS) > SLOW
    with contextlib.ExitStack() as stack:
        target = Target(tmp_path, stack, thorough=False)
        outcomes = list(carry_out(target, with_browser=False, without=SLOW))
    assert [(one.attack, each) for one in outcomes for each in one.tries if not each.held] == []
    assert [one.attack for one in outcomes if not one.held] == []
