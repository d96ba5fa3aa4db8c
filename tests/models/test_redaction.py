"""Secrets are redacted by their names, in URLs, headers and free text; ordinary words are not."""

from __future__ import annotations

from pprint import pformat

import pytest
from scrapy.utils.conf import build_component_list
from scrapy.utils.project import get_project_settings

from models import redaction
from models.redaction import hidden_values, redacted, without_secrets
from models.secret_names import is_secret, may_be_secret

SECRETS = """password Passwd db_pwd pass http_pass userPass passphrase auth X-Auth-Token basic_auth oauth authorization
    cookie Set-Cookie credentials secret clientsecret token accessToken access_token api_key apiKey X-Api-Key apikey key
    jwt signature PHPSESSID JSESSIONID SPLASH_PASS"""
ORDINARY = """passenger passengers keyboard keyword author authors monkey compass pass_rate tokenizer secretary spin
    shipping opinion sidebar sessional signal title price accept user_agent pinterest hotkeys"""


@pytest.mark.parametrize(
    "name",
    SECRETS.split(),
)
def test_common_names_of_secrets_are_known(name: str) -> None:
    assert is_secret(name) and may_be_secret(name)


@pytest.mark.parametrize("name", ["pin", "user_pin", "session", "session_id", "sid", "sig"])
def test_a_possible_secret_is_redacted_and_part_of_the_scope(name: str) -> None:
    assert may_be_secret(name) and not is_secret(name)


@pytest.mark.parametrize(
    "name",
    ORDINARY.split(),
)
def test_ordinary_words_are_not_redacted(name: str) -> None:
    assert not may_be_secret(name)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@site/a?b=1", "https://u:***@site/a?b=1"),
        ("https://TOKEN@site/", "https://***@site/"),
        ("https://site/a?token=x&page=2&PIN=1#access_token=y", "https://site/a?token=***&page=2&PIN=***#access_token=***"),
        ("https://site/a?my%5Fpwd=x&user[password]=y", "https://site/a?my%5Fpwd=***&user[password]=***"),
        ("https://medium.com/@user/x?author=a", "https://medium.com/@user/x?author=a"),
        ("https://site/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0xxx.abc/x", "https://site/***/x"),
        ("mysql+pymysql://u:p@ss/w#rd?x@h/d", "mysql+pymysql://u:***@h/d"),
        ("postgresql+psycopg://root@h/d?password=x", "postgresql+psycopg://root@h/d?password=***"),
        ("sqlite:////tmp/a@b/x.db", "sqlite:////tmp/a@b/x.db"),
        ("amqp://u:p@h:5672/", "amqp://u:***@h:5672/"),
    ],
)  # fmt: skip
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert without_secrets(url) == redacted(url) == shown
    assert f"<GET {shown}>" in redacted(f"Crawled (200) <GET {url}> (referer: None)")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: ***"),
        ("Cookie: a=b; c=d", "Cookie: ***"),
        ("{b'Authorization': [b'Basic dXNlcjpwYXNz'], b'A': [b'x']}", "{b'Authorization': ['***'], b'A': [b'x']}"),
        ('{"headers": [["Cookie", ["a=b"]], ["A", ["x"]]]}', '{"headers": [["Cookie", ["***"]], ["A", ["x"]]]}'),
        (r'{\"token\": \"abc\", \"page\": 3}', r'{\"token\": \"***\", \"page\": 3}'),
        ("{'SPLASH_PASS': 'geheim', 'LOG_LEVEL': 'INFO'}", "{'SPLASH_PASS': '***', 'LOG_LEVEL': 'INFO'}"),
        ("no login: password=hunter2, user=me", "no login: password=***, user=me"),
        ("with password: hunter2", "with password: ***"),
        ("sent Bearer abcdef123456", "sent Bearer ***"),
        ("no results for hostname lookup: me:geheim@site", "no results for hostname lookup: me:***@site"),
        ("Access denied for user 'x'@'h' (using password: YES)", None),
        ("Basic authentication is needed", None),
        ("password is missing; token is 'a'", None),
        ("KeyError: 'password'", None),
        ("page 3 of 12, key=5, natural key: sku, 12:30@home", None),
        ("mail to me@site.example, mailto:me@site.example", None),
    ],
)  # fmt: skip
def test_secrets_in_free_text_are_redacted(text: str, shown: str | None) -> None:
    assert redacted(text) == (text if shown is None else shown)
    assert redacted(redacted(text)) == redacted(text)


def test_a_known_secret_is_redacted_in_every_text() -> None:
    try:
        redaction.remember("hunter2/é", "abc")
        assert redacted("failed with hunter2/é (abc)") == "failed with *** (abc)"
        assert without_secrets("https://site/a/hunter2%2F%C3%A9") == "https://site/a/***"
    finally:
        redaction.forget_all()


def test_a_value_after_a_secret_name_is_redacted() -> None:
    given = {
        "page": 3,
        "auth": {"user": "me"},
        "urls": ["https://u:p@h/"],
        "forms": [{"pin": 1, "author": "a"}],
    }
    assert hidden_values(given) == {
        "page": 3,
        "auth": "***",
        "urls": ["https://u:***@h/"],
        "forms": [{"pin": "***", "author": "a"}],
    }


def test_the_lists_of_components_that_scrapy_logs_are_shown() -> None:
    settings = get_project_settings()
    for kind in ("DOWNLOADER_MIDDLEWARES", "SPIDER_MIDDLEWARES", "EXTENSIONS"):
        paths = build_component_list(settings.get_component_priority_dict_with_base(kind))
        line = f"Enabled components:\n{pformat([str(path) for path in paths])}"
        assert redacted(line) == line and len(paths) > 5


def test_a_value_after_a_class_of_a_secret_is_shown_only_if_it_is_a_class() -> None:
    name = "scrapy.downloadermiddlewares.cookies.CookiesMiddleware"
    for value in ("abc.Def1", "Abc.Def", "abc", "a-b.Cd", "Basic abc", "abc.Def.Gh", "eyJ.Abc"):
        assert redacted(f"['{name}', '{value}']") == f"['{name}', '***']"
    for word in ("Cookie", "password", "api.key", "Api.Token"):
        assert redacted(f"['{word}', 'abc.Def']") == f"['{word}', '***']"
    assert redacted(f"{{'{name}': 'abc.Def'}}") == f"{{'{name}': '***'}}"
