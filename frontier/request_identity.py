"""The identity of a request: 20 bytes by which the table knows whether a run has it already."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable

from scrapy import Request

from crawler.meta_keys import MAKES_SESSION
from crawler.page.page import Page

REMEMBERED = 50_000  # identities that are known to be in the table without asking it
IDENTITY_BYTES = 20


class RequestIdentities:
    """Makes identities, and remembers the latest of them.

    Args:
        fingerprint: Scrapy's request fingerprinter.
        owner: names this process, because each process makes its own logins.
    """

    def __init__(self, fingerprint: Callable[[Request], bytes], owner: str) -> None:
        self._fingerprint, self._owner = fingerprint, owner
        self._remembered: OrderedDict[bytes, None] = OrderedDict()

    def identity_of(self, request: Request, page: Page) -> bytes:
        """Return the identity of a request that was found on the page."""
        fingerprint = self._fingerprint(request)
        if len(fingerprint) != IDENTITY_BYTES:
            # A fingerprinter may return bytes of any length. scrapy-splash's returns hex digits.
            fingerprint = hashlib.sha1(fingerprint, usedforsecurity=False).digest()
        if MAKES_SESSION.get(request):
            return hashlib.sha1(fingerprint + self._owner.encode(), usedforsecurity=False).digest()
        if not request.dont_filter:
            return fingerprint
        # Unique, and the same when the page is processed again after a crash.
        nth = page.identities.get(fingerprint, 0)
        page.identities[fingerprint] = nth + 1
        place = f" {page.number} {nth}".encode()
        return hashlib.sha1(fingerprint + place, usedforsecurity=False).digest()

    def forget(self) -> None:
        """Forget the remembered identities: some of their requests were found on pages that are not stored."""
        self._remembered.clear()

    def is_new(self, identity: bytes) -> bool:
        """Return whether the identity is not among the remembered ones, and remember it."""
        if identity in self._remembered:
            return False
        self._remembered[identity] = None
        if len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
        return True
