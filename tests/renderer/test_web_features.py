"""Features that scripts take away from pages."""

from __future__ import annotations

import pytest

PRESENT = {
    "html5_media_enabled": "!!document.createElement('video').canPlayType",
    "media_source_enabled": "'MediaSource' in window",
    "indexeddb_enabled": "!!window.indexedDB",
    "webgl_enabled": "document.createElement('canvas').getContext('webgl') !== null",
}
WITHOUT_WEBGL = sorted(set(PRESENT) - {"webgl_enabled"})  # which needs more of a machine than the others


@pytest.mark.parametrize("switch", sorted(PRESENT))
def test_a_feature_is_gone_at_once_and_from_the_pages_that_come(splash, pages, switch):
    script = f"""
    splash.{switch} = false
    local here = splash:evaljs(args.present)
    splash:go(args.url)
    return {{here, splash:evaljs(args.present), splash.{switch}}}
    """
    result = splash.main(script, url=f"{pages.url}/plain", present=PRESENT[switch])
    assert result == {"1": False, "2": False, "3": False}


@pytest.mark.parametrize("switch", WITHOUT_WEBGL)
def test_a_feature_comes_back_with_the_next_page(splash, pages, switch):
    script = f"""
    splash.{switch} = false
    splash.{switch} = true
    splash:go(args.url)
    return {{splash:evaljs(args.present), splash.{switch}}}
    """
    assert splash.main(script, url=f"{pages.url}/plain", present=PRESENT[switch]) == {"1": True, "2": True}


@pytest.mark.parametrize("switch", WITHOUT_WEBGL)
def test_the_next_render_has_every_feature(splash, pages, switch):
    splash.main(f"splash.{switch} = false splash:go(args.url)", url=f"{pages.url}/plain")
    script = "splash:go(args.url) return splash:evaljs(args.present)"
    for _ in range(4):  # whichever tab it gets
        assert splash.main(script, url=f"{pages.url}/plain", present=PRESENT[switch]) == "True"


def test_without_webgl_a_canvas_still_draws(splash, pages):
    script = """
    splash.webgl_enabled = false
    splash:go(args.url)
    return splash:evaljs("document.createElement('canvas').getContext('2d') !== null")
    """
    assert splash.main(script, url=f"{pages.url}/plain") == "True"
