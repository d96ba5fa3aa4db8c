"""A full TMPDIR: the renderer reports it at its start, in each render and in /_ping."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile

import pytest

from renderer.chromium import disk_space
from renderer.chromium.disk_space import disk_space_fault
from renderer.chromium.process import Chromium, find_chromium
from renderer.errors import Overloaded
from renderer.pool.browser import Browser
from renderer.tab.tab import Tab


def test_the_fault_of_a_full_folder_names_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    assert disk_space_fault() == ""
    monkeypatch.setattr(disk_space, "MIN_FREE_BYTES", 1 << 60)
    assert "is full" in disk_space_fault() and tempfile.gettempdir() in disk_space_fault()


def test_the_renderer_refuses_renders_while_the_folder_is_full_and_logs_it_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        browser = Browser(Chromium(program=find_chromium(None, os.environ)), 1)

        async def work(tab: Tab) -> str:
            await tab.go("about:blank")
            return await tab.document.html()

        await browser.start()
        try:
            with monkeypatch.context() as full:
                full.setattr(disk_space, "MIN_FREE_BYTES", 1 << 60)
                for _ in range(3):
                    with pytest.raises(Overloaded, match="no_room"):
                        await browser.render(work)
                assert not await browser.is_healthy()
            assert "<html>" in await browser.render(work)
            assert await browser.is_healthy()
        finally:
            await browser.end()

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert caplog.text.count("is full") == 1
