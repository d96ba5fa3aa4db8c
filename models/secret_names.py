"""The names of secrets: of arguments, headers, settings and keys. This is the only list."""

from __future__ import annotations

import re
from functools import lru_cache

# Words of a name, as "api_key", "X-Api-Key" and "apiKey" have two. "author", "monkey" and "passenger" are
# others.
WORDS = frozenset(
    (
        "password", "passwd", "pwd", "passphrase", "passcode", "secret", "secrets", "token", "tokens", "jwt", "otp",
        "credential", "credentials", "cookie", "cookies", "cookie2", "auth", "oauth", "authorization", "key", "keys",
        "apikey", "apikeys", "signature",
    )
)  # fmt: skip
# What is written in one word: "dbpassword", "accesstoken".
PARTS = re.compile(
    r"password|passwd|sessionid|sessid|(?:pwd|token|secret|apikey|accesskey|secretkey|privatekey)$"
)
# They may also identify a crawl, so they are redacted in every output, and are part of a scope.
MORE_WORDS = frozenset(("pin", "session", "sessions", "sid", "sig"))
LAST_WORDS = frozenset(("pass",))  # "http_pass", and not "pass_rate"

# Settings and variables whose value is a secret, or has one in it, though their name has no such word.
SECRET_VARIABLES = frozenset(
    ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PGPASSWORD", "MYSQL_PWD")
)  # fmt: skip
SECRET_ADDRESSES = frozenset(
    ("ALERT_URLS", "BROKER_URL", "WORKERS_URL")
)  # the secret may be in any part of these URLs
# Keys of a request's ``meta`` and of Splash's arguments that have a secret in them.
SECRET_KEYS = frozenset(("proxy", "http_user", "splash_headers"))

# Exact names that are as often the name of something else. The value is redacted where it has this name in a URL, a
# header or JSON, but it is not a known value that is redacted everywhere (an argument ``-a key=travel``) ...
NOT_KNOWN_BY_VALUE = frozenset(("key", "keys", "auth"))
# ... and a page snapshot keeps it: a row has a key.
NO_CREDENTIALS = frozenset(("key", "keys"))
# Exact names that texts have without a secret: "the tokens, the session". In a list of words all of them are ordinary;
# before a "=" these are, but for MORE_THAN_A_WORD ("token=abc").
ORDINARY_WORDS = frozenset(
    ("key", "keys", "session", "sessions", "pin", "auth", "cookies", "token", "tokens", "signature")
)
MORE_THAN_A_WORD = frozenset(("token", "auth"))

# The parts of patterns for a text: a header's name before its colon, and a word that a sentence has before its colon.
HEADER_PATTERN = (
    r"(?:Proxy-)?Authorization|(?:Set-)?Cookie2?|X-[\w-]{0,40}(?:Token|Key|Auth|Secret)[\w-]{0,40}"
)
SPOKEN_PATTERN = r"password|passwd|pwd|passphrase|api[ _-]?key|secret|token"


@lru_cache(maxsize=4096)
def is_secret(name: str) -> bool:
    """Return whether a value of this name gives access to something."""
    words = _words(name)
    return bool(
        not WORDS.isdisjoint(words)
        or (words and words[-1] in LAST_WORDS)
        or any(PARTS.search(word) for word in words)
    )


@lru_cache(maxsize=4096)
def may_be_secret(name: str) -> bool:
    """Return whether a value of this name is redacted: it is a secret, or may be one."""
    return is_secret(name) or not MORE_WORDS.isdisjoint(_words(name))


def _words(name: str) -> list[str]:
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name[:200])
    return [word for word in re.split(r"[^a-z0-9]+", parted.lower()) if word]
