"""The services that ``scripts/services`` starts. A test of a missing one is skipped with a reason; in CI it fails."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def service(variable: str, title: str) -> str:
    """Return the URL of a service from its variable. Without it, skip the test, or fail it in CI."""
    url = os.environ.get(variable, "")
    if not url:
        not_tested(f"{title} ({variable} is not set; scripts/test starts it)")
    return url


def not_tested(reason: str) -> NoReturn:
    """Skip the test with a reason, or fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"not tested: {reason}", pytrace=False)
    pytest.skip(f"not tested: {reason}")
