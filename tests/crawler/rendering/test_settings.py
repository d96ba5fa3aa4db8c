"""RENDERING and RENDERING_CHECK_SHARE."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from scrapy.settings import Settings

from crawler.rendering.settings import ALWAYS, AUTO, NEVER, RenderingSettings


@pytest.mark.parametrize(
    ("given", "own", "mode"),
    [(None, None, ALWAYS), ("auto", None, AUTO), (" Never ", None, NEVER), ("never", "auto", AUTO)],
)
def test_the_spider_comes_before_the_setting(given: Any, own: Any, mode: str) -> None:
    settings = Settings({"RENDERING": given})
    found = RenderingSettings.of(settings, SimpleNamespace(rendering=own))
    assert (found.mode, found.check_share) == (mode, 0.02)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("RENDERING", "on", "RENDERING='on' is not auto, always or never"),
        ("RENDERING", True, "RENDERING=True is not auto, always or never"),
        ("RENDERING_CHECK_SHARE", "2 %", "RENDERING_CHECK_SHARE='2 %' is not a number from 0 to 1"),
        ("RENDERING_CHECK_SHARE", 2, "RENDERING_CHECK_SHARE=2 is not a number from 0 to 1"),
        ("RENDERING_CHECK_SHARE", "nan", "RENDERING_CHECK_SHARE='nan' is not a number from 0 to 1"),
    ],
)
def test_a_wrong_value_says_what_to_write(name: str, value: Any, said: str) -> None:
    with pytest.raises(ValueError, match="correct") as raised:
        RenderingSettings.of(Settings({name: value}))
    assert str(raised.value).startswith(said)


def test_a_wrong_attribute_names_the_spider() -> None:
    class Wrong:
        rendering = "yes"

    with pytest.raises(ValueError, match=r"Wrong\.rendering='yes' is not"):
        RenderingSettings.of(Settings(), Wrong())
