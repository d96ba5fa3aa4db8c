"""A few random hostile scripts; ``python -m tests.renderer.lua_fuzz`` sends many more."""

from __future__ import annotations

import asyncio
import time

from tests.renderer.lua_fuzz import Limits, fuzz

SCRIPTS = 40


def test_the_renderer_answers_or_ends_hostile_scripts_and_keeps_nothing() -> None:
    seed = time.time_ns() % 10**6
    print(f"seed {seed}")
    # Generous limits: the machine also runs other tests.
    findings = asyncio.run(fuzz(SCRIPTS, seed, 8, Limits(timeout=1, late=5, ping=5, end=10)))
    assert findings.faults == []
