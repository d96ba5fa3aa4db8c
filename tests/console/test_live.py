"""The parts of pages that many viewers load at the same moment."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from console.live import Live


def test_viewers_of_a_role_share_a_text_that_is_rendered_once_for_a_change(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.live.EVERY", 0.01)
    seen = ["first"]
    live = Live(engine)

    def look(_: Session) -> str:
        return seen[0]

    events = live.stream("run 1", look)
    rendered: list[str] = []

    def text(role: str, secret: str) -> str:
        def render() -> str:
            rendered.append(role)
            return f"{seen[0]} {role} {secret}"

        return live.shared_text("run 1", role, secret, render)

    def wait_for_change() -> None:
        assert next(event for event in events if event.startswith("event: changed"))

    wait_for_change()
    assert text("viewer", "token-of-ann") == "first viewer token-of-ann"
    assert text("viewer", "token-of-bob") == "first viewer token-of-bob", "never the token of another person"
    assert text("admin", "token-of-eve") == "first admin token-of-eve", "never the buttons of another role"
    assert rendered == ["viewer", "admin"]
    seen[0] = "second"
    wait_for_change()
    assert text("viewer", "token-of-bob") == "second viewer token-of-bob"
    assert rendered == ["viewer", "admin", "viewer"]
    live.stop()


def test_without_viewers_each_text_is_rendered(engine: Engine) -> None:
    live, rendered = Live(engine), []
    for number in range(2):
        live.shared_text("run 1", "viewer", "token", lambda number=number: rendered.append(number) or "")  # type: ignore[misc,func-returns-value]
    assert rendered == [0, 1]
