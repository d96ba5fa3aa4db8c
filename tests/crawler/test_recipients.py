"""Recipients of alarms: how the addresses of ALERT_URLS are shown, without their secrets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from apprise.utils.parse import parse_urls

from crawler.run.recipients import recipients_of, shown_address
from models.redaction import forget_all, remember


@pytest.fixture(autouse=True)
def no_known_secrets() -> Iterator[None]:
    forget_all()
    yield
    forget_all()


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("mailto://ann:secret@Example.org", "mailto://***@example.org"),
        ("MAILTOS://ann:secret@example.org?to=ops@example.org", "mailtos://***@example.org/***"),
        ("mailto://example.org?user=ann&pass=secret", "mailto://example.org/***"),
        ("json://localhost/secret-path", "json://localhost/***"),
        ("jsons://ann:secret@hooks.example:8443/", "jsons://***@hooks.example:8443"),
        ("gotify://gotify.example/token", "gotify://gotify.example/***"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "slack://***"),
        ("tgram://123456789:abcdefg_hijklmnop/", "tgram://***"),
        ("ntfy://secret.topic", "ntfy://***"),
        ("json://secret_token/", "json://***"),  # no name of a host
        ("json://[::1]/", "json://***"),
        ("json://ann:12/secret@hooks.example/", "json://***"),  # a password that is not encoded
        ("json://a.b:12?secret@hooks.example/", "json://***"),
        ("json://a.b:12#secret@hooks.example/", "json://***"),
        ("json://ann:se/cret@hooks.example/", "json://***"),
        ("json://[secret", "json://***"),
    ],
)
def test_an_address_is_shown_without_secrets(address: str, shown: str) -> None:
    assert shown_address(address) == shown


def test_recipients_that_look_the_same_are_numbered_in_their_order() -> None:
    first, second, third = "slack://A/B/C", "slack://D/E/F", "slack://G/H/I"
    assert recipients_of(f"{first},{second} mailto://u:p@example.org; {third}") == {
        "slack://***": first,
        "slack://*** (2)": second,
        "mailto://***@example.org": "mailto://u:p@example.org",
        "slack://*** (3)": third,
    }
    assert recipients_of("  ") == {}


@pytest.mark.parametrize(
    "addresses",
    [
        "slack://A/B/C",
        " json://a.example?to=x,y,json://b.example/  mailto://u:p@c.example ",
        "mailto://u:p@c.example?to=a@x.example, b@x.example;\nxml://h.example",
    ],
)
def test_the_addresses_are_those_that_apprise_finds(addresses: str) -> None:
    assert list(recipients_of(addresses).values()) == parse_urls(addresses)


def test_a_known_secret_is_no_host() -> None:
    remember("hush.example")
    assert list(recipients_of("json://hush.example/x")) == ["json://***/***"]
