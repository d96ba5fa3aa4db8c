"""The argument ``proxy``: URLs, profiles and credentials; no render uses the proxy of another one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from renderer.egress.proxy_profiles import Proxy, parse_proxy, read_proxy
from tests.processes import server
from tests.renderer.conftest import Client, Pages
from tests.renderer.proxies import http_proxy, socks_proxy


def test_a_render_goes_through_its_proxy_and_the_next_one_does_not(splash: Client, pages: Pages) -> None:
    with http_proxy() as (address, seen):
        url = f"{pages.url}/plain"
        assert "by proxy" in splash.html(url, proxy=f"http://{address}")
        assert seen == [url]
        assert "by proxy" not in splash.html(url)
        assert len(seen) == 1


def test_frames_pictures_and_posts_go_through_the_proxy_as_well(splash: Client, pages: Pages) -> None:
    with http_proxy() as (address, seen):
        splash.html(f"{pages.url}/framed", proxy=f"http://{address}", wait=0.2)
        splash.html(f"{pages.url}/image", proxy=f"http://{address}")
    assert seen == [f"{pages.url}/{name}" for name in ("framed", "plain", "image", "pixel.gif")]


def test_an_http_proxy_gets_the_password(splash: Client, pages: Pages) -> None:
    with http_proxy("ann", "s3:cret") as (address, _):
        assert "by proxy" in splash.html(f"{pages.url}/plain", proxy=f"http://ann:s3%3Acret@{address}")


def test_a_proxy_that_wants_another_password_shows_nothing(splash: Client, pages: Pages) -> None:
    with http_proxy("ann", "s3cret") as (address, _):
        answer = splash.post("/render.html", url=f"{pages.url}/plain", proxy=f"http://eve:x@{address}")
    assert answer.status == 200
    assert "plain" not in answer.text


def test_a_socks_proxy_gets_the_password_and_the_name(splash: Client, pages: Pages) -> None:
    with socks_proxy() as (address, seen):
        url = pages.url.replace("127.0.0.1", "localhost")
        assert "plain" in splash.html(f"{url}/plain", proxy=f"socks5://ann:s3cret@{address}")
        assert set(seen) == {url.removeprefix("http://")}


def test_a_socks_proxy_that_refuses_us_is_an_error(splash: Client, pages: Pages) -> None:
    with socks_proxy() as (address, seen):
        answer = splash.post("/render.html", url=f"{pages.url}/plain", proxy=f"socks5://eve:x@{address}")
    assert (answer.status, seen) == (502, [])


def test_a_proxy_that_does_not_listen_is_an_error(splash: Client, pages: Pages, a_closed_port: int) -> None:
    answer = splash.post("/render.html", url=f"{pages.url}/plain", proxy=f"http://127.0.0.1:{a_closed_port}")
    assert answer.status == 502


def test_a_script_goes_through_its_proxy(splash: Client, pages: Pages) -> None:
    with http_proxy() as (address, _):
        html = splash.main(
            "splash:go(args.url) return splash:html()", url=f"{pages.url}/plain", proxy=f"http://{address}"
        )
    assert "by proxy" in html


@pytest.mark.parametrize("proxy", ["ftp://h:1", "http://", "https://h", "http://h:port", "profile", "../x"])
def test_an_argument_that_names_no_proxy_is_refused(splash: Client, pages: Pages, proxy: str) -> None:
    answer = splash.get("/render.html", url=f"{pages.url}/plain", proxy=proxy)
    assert (answer.status, answer.json["info"]["argument"]) == (400, "proxy")


@pytest.fixture
def profiles(tmp_path: Path) -> Iterator[tuple[Client, Path, list[str]]]:
    with http_proxy() as (address, seen):
        host, port = address.split(":")
        (tmp_path / "mine.ini").write_text(
            f"[proxy]\nhost={host}\nport={port}\n[rules]\nallowlist=\n  .*\ndenylist=\n  .*plain$\n"
        )
        with server(
            "renderer", "--port", "0", "--exit-with-stdin", "--proxy-profiles-path", str(tmp_path)
        ) as url:
            yield Client(url), tmp_path, seen


def test_a_profile_selects_the_urls_that_use_its_proxy(
    profiles: tuple[Client, Path, list[str]], pages: Pages
) -> None:
    splash, folder, seen = profiles
    assert "by proxy" not in splash.html(f"{pages.url}/framed")
    assert "by proxy" in splash.html(f"{pages.url}/framed", proxy="mine", wait=0.2)
    assert seen == [f"{pages.url}/framed"]
    # The renderer uses the default profile as soon as the file exists.
    (folder / "default.ini").write_text((folder / "mine.ini").read_text())
    assert "by proxy" in splash.html(f"{pages.url}/late")
    for nothing in ("none", ""):
        assert "by proxy" not in splash.html(f"{pages.url}/late", proxy=nothing)
    answer = splash.get("/render.html", url=pages.url, proxy="../mine")
    assert answer.json["info"]["description"] == "Proxy profile does not exist"


def test_a_proxy_url_has_a_default_port_and_decoded_credentials() -> None:
    assert parse_proxy("socks5://a%40b:c@h") == Proxy(
        scheme="socks5", host="h", port=1080, username="a@b", password="c"
    )


@pytest.mark.parametrize(
    ("profile", "complaint"),
    [
        ("[rules]\n", "no \\[proxy\\] section"),
        ("[proxy]\nport=1\n", "host is not found"),
        ("[proxy]\nhost=h\n", "port is not found"),
        ("[proxy]\nhost=h\nport=x\n", "port is not found"),
        ("[proxy]\nhost=h\nport=1\ntype=carrier\n", "type is neither"),
        ("[proxy]\nhost=h\nport=1\n[rules]\ndenylist=(\n", "denylist"),
        ("host=h\n", "Invalid proxy profile"),
    ],
)
def test_the_error_of_a_bad_profile_says_what_is_wrong(tmp_path: Path, profile: str, complaint: str) -> None:
    (tmp_path / "bad.ini").write_text(profile)
    with pytest.raises(ValueError, match=complaint):
        read_proxy("bad", tmp_path)


def test_the_deny_list_wins_over_the_allow_list_and_old_names_work(tmp_path: Path) -> None:
    (tmp_path / "old.ini").write_text(
        "[proxy]\nhost=h\nport=1\ntype=SOCKS5\npassword=50%\n"
        "[rules]\nwhitelist=\n  .*shop.*\nblacklist=\n  .*\\.js\n"
    )
    rules = read_proxy("old", tmp_path)
    assert rules is not None
    assert (rules.proxy.scheme, rules.proxy.password) == ("socks5", "50%")
    assert (
        rules.covers("http://shop/")
        and not rules.covers("http://shop/a.js")
        and not rules.covers("http://x/")
    )
