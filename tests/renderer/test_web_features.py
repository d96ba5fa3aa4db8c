"""The switches of web features: features that scripts turn off for pages, and media, which they turn on."""

from __future__ import annotations

import pytest

from tests.renderer.conftest import Client, Pages

PRESENT = {
    "html5_media_enabled": "!!document.createElement('video').canPlayType",
    "media_source_enabled": "'MediaSource' in window",
    "indexeddb_enabled": "!!window.indexedDB",
    "webgl_enabled": "document.createElement('canvas').getContext('webgl') !== null",
}
WITHOUT_WEBGL = sorted(set(PRESENT) - {"webgl_enabled"})  # WebGL does not work on every machine


@pytest.mark.parametrize("switch", sorted(PRESENT))
def test_a_feature_that_is_off_is_gone_at_once_and_on_later_pages(
    splash: Client, pages: Pages, switch: str
) -> None:
    script = f"""
    splash.{switch} = false
    local here = splash:evaljs(args.present)
    splash:go(args.url)
    return {{here, splash:evaljs(args.present), splash.{switch}}}
    """
    result = splash.main(script, url=f"{pages.url}/plain", present=PRESENT[switch])
    assert result == {"1": False, "2": False, "3": False}


@pytest.mark.parametrize("switch", WITHOUT_WEBGL)
def test_a_feature_comes_back_with_the_next_page(splash: Client, pages: Pages, switch: str) -> None:
    script = f"""
    splash.{switch} = false
    splash.{switch} = true
    splash:go(args.url)
    return {{splash:evaljs(args.present), splash.{switch}}}
    """
    assert splash.main(script, url=f"{pages.url}/plain", present=PRESENT[switch]) == {"1": True, "2": True}


@pytest.mark.parametrize("switch", WITHOUT_WEBGL)
def test_the_next_render_starts_with_the_default_switches(splash: Client, pages: Pages, switch: str) -> None:
    by_default = switch != "html5_media_enabled"
    changed = str(not by_default).lower()
    splash.main(f"splash.{switch} = {changed} splash:go(args.url)", url=f"{pages.url}/plain")
    script = f"""
    local before = splash:evaljs(args.present)
    splash:go(args.url)
    return {{before, splash:evaljs(args.present), splash.{switch}}}
    """
    for _ in range(4):  # so that the renders use every tab
        result = splash.main(script, url=f"{pages.url}/plain", present=PRESENT[switch])
        assert result == {"1": by_default, "2": by_default, "3": by_default}


def test_a_script_can_turn_media_on_before_the_first_page(splash: Client) -> None:
    script = "splash.html5_media_enabled = true return splash:evaljs(args.playable)"
    playable = "document.createElement('video').canPlayType('video/webm') !== undefined"
    assert splash.main(script, playable=playable) == "True"


def test_a_script_without_media_loads_none(splash: Client, pages: Pages) -> None:
    before = pages.hits["/sound.wav"]
    script = "splash.html5_media_enabled = args.on splash:go(args.url) splash:wait(0.2)"
    splash.main(script, url=f"{pages.url}/sound", on=False)
    assert pages.hits["/sound.wav"] == before
    splash.main(script, url=f"{pages.url}/sound", on=True)
    assert pages.hits["/sound.wav"] > before


def test_without_webgl_a_canvas_still_draws(splash: Client, pages: Pages) -> None:
    script = """
    splash.webgl_enabled = false
    splash:go(args.url)
    return splash:evaljs("document.createElement('canvas').getContext('2d') !== null")
    """
    assert splash.main(script, url=f"{pages.url}/plain") == "True"
