"""The answers of the render scripts of spiders/lua for pages that fail, run by a renderer."""

from __future__ import annotations

import pytest

from crawler.splash.errors import script_message
from crawler.splash.selectors import wrong_selector
from tests.spiders.render_script import run_script

SHUT = "http://127.0.0.1:1/"  # no server listens, and browsers block this port


def test_a_loading_error_is_no_page(renderer: str) -> None:
    status, answer = run_script(renderer, "wait_for", url=SHUT, wait_for="//h1 | //p")
    assert status == 200 and answer["render_error"], answer


@pytest.mark.parametrize("selector", ["div[", "//a["])
def test_a_wrong_selector_is_not_reported_as_a_missing_element(
    renderer: str, demo_site: str, selector: str
) -> None:
    arguments = {"url": f"{demo_site}/", "wait_for": selector}
    status, answer = run_script(renderer, "wait_for", **arguments)
    assert status == 400
    assert wrong_selector(script_message(answer), arguments) is not None, answer
