"""Hashes of passwords (argon2), and random tokens of which only a hash is stored."""

from __future__ import annotations

import hashlib
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 10  # characters of a password
LONGEST = 1000

_hasher = PasswordHasher()
# The work for a name that does not exist takes as long as for one that does.
_NO_ACCOUNT = _hasher.hash(secrets.token_urlsafe())


class WeakPassword(ValueError):
    """The password is too short or too long; the message says what it needs."""


def hash_password(password: str) -> str:
    """Return argon2's hash of a password.

    Raises:
        WeakPassword: it is shorter than SHORTEST or longer than LONGEST.
    """
    if len(password) < SHORTEST:
        raise WeakPassword(f"a password needs at least {SHORTEST} characters")
    if len(password) > LONGEST:
        raise WeakPassword(f"a password has at most {LONGEST} characters")
    return _hasher.hash(password)


def is_password(stored: str | None, password: str) -> bool:
    """Return whether this is the password of the stored hash. Without a hash, do the same work and return False."""
    try:
        return _hasher.verify(stored or _NO_ACCOUNT, password[:LONGEST]) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def new_token(prefix: str = "") -> str:
    """Return a random token of 256 bits, for a cookie, a link or the API."""
    return prefix + secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """Return the hash of a token that is stored. A token is random, so one round of SHA-256 is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
