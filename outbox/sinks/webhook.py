"""Webhooks: a POST for each event, signed by the scheme of standardwebhooks.com."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import socket
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlencode

import requests

from outbox.address import SinkAddress
from outbox.event import CLOUDEVENTS_JSON, JSON, Event
from outbox.sink import SENT, Outcome, SinkDown, SinkEnded, WrongSink

TIMEOUT = 15.0  # seconds for an answer
GONE = 410
# The receiver will never accept this body.
REFUSED = (400, 413, 415, 422)
LONGEST_WAIT = 3600.0  # seconds that a Retry-After may ask to wait


class WebhookSink:
    """``https://host/path``

    Options, which are not sent: ``webhook_secret`` (whsec_...), ``webhook_mode=binary``, ``webhook_private=1`` for an
    address that is not public, ``webhook_ca`` (a file). All others are the receiver's.
    """

    batch = 100

    def __init__(self, address: SinkAddress) -> None:
        self.name = address.name
        self.secret = _secret(address)
        self.binary = address.option("webhook_mode", "structured", ("structured", "binary")) == "binary"
        self.private = address.switch("webhook_private", default=False)
        self.ca = address.certificates("webhook_ca") or True
        (host, port), *others = address.hosts
        if others:
            raise WrongSink(f"{self.name}: a webhook has one host")
        self.host, self.port = host, port or (443 if address.scheme == "https" else 80)
        address.read.update(address.options)  # the others are the receiver's
        query = urlencode(
            {
                name: value
                for name, value in address.options.items()
                if not name.startswith("webhook_") and name != "name"
            }
        )
        where = f"[{host}]" if ":" in host else host
        self.url = f"{address.scheme}://{where}:{self.port}/{address.path}{f'?{query}' if query else ''}"
        self.auth = (address.user, address.password or "") if address.user is not None else None
        self.session: requests.Session | None = None

    def open(self) -> None:
        self._check_address()
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy, no .netrc
        self.session.verify = self.ca

    def send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        outcomes: list[Outcome] = []
        for event in events:
            outcome = self._post(event)
            outcomes.append(outcome)
            if outcome.failed is not None:
                break
        return outcomes + [outcomes[-1]] * (len(events) - len(outcomes))

    def close(self) -> None:
        if self.session is not None:
            self.session.close()
            self.session = None

    def _post(self, event: Event) -> Outcome:
        assert self.session is not None
        body = event.body if self.binary else event.structured
        try:
            answer = self.session.post(
                self.url,
                data=body,
                headers=self._headers(event, body),
                auth=self.auth,
                timeout=TIMEOUT,
                allow_redirects=False,
            )
        except requests.exceptions.SSLError as error:
            raise SinkDown(f"TLS: {error}") from None
        except requests.RequestException as error:
            raise SinkDown(_reason(error)) from None
        code = answer.status_code
        if 200 <= code < 300:
            return SENT
        text = f"HTTP {code}"
        if code == GONE:
            raise SinkEnded(f"{text}: the receiver wants no event any more")
        if code in REFUSED:
            return Outcome(refused=f"{text}: {answer.text[:200]}")
        if 300 <= code < 400:
            text += f": it redirects to {answer.headers.get('Location', '?')[:200]}; write that address"
        if (seconds := _retry_after(answer.headers.get("Retry-After"))) > 0:
            return Outcome(failed=text, wait=min(seconds, LONGEST_WAIT))
        return Outcome(failed=text)

    def _headers(self, event: Event, body: bytes) -> dict[str, str]:
        headers = {
            "Content-Type": JSON if self.binary else CLOUDEVENTS_JSON,
            "User-Agent": "Splashdown",
            "webhook-id": event.event_id,
            "webhook-timestamp": str(int(time.time())),
        }
        if self.binary:
            headers |= {
                f"ce-{name}": quote(value, safe=" !#$&'()*+,/:;=?@[]{}")
                for name, value in event.attributes.items()
                if name != "datacontenttype"
            }
        if self.secret:
            headers["webhook-signature"] = signature(
                self.secret, headers["webhook-id"], headers["webhook-timestamp"], body
            )
        return headers

    def _check_address(self) -> None:
        """Refuse an address that is not public: a name that somebody else controls must not reach internal servers."""
        try:
            found = {info[4][0] for info in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)}
        except OSError as error:
            raise SinkDown(f"{self.host}: {error.strerror or error}") from None
        if self.private:
            return
        for one in sorted(map(str, found)):
            if not ipaddress.ip_address(one.partition("%")[0]).is_global:
                raise WrongSink(
                    f"{self.name}: {one} is no public address; if it is right, add webhook_private=1"
                )


def signature(secret: bytes, number: str, timestamp: str, body: bytes) -> str:
    """Return the header ``webhook-signature`` of Standard Webhooks."""
    signed = f"{number}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def _secret(address: SinkAddress) -> bytes | None:
    text = address.option("webhook_secret", "")
    if not text:
        return None
    try:
        return base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise WrongSink(f"{address.name}: webhook_secret= is not whsec_ and Base64") from None


def _retry_after(text: str | None) -> float:
    """Return the seconds of a Retry-After; 0 if there is none."""
    if not text:
        return 0
    try:
        return float(text)
    except ValueError:
        try:
            return parsedate_to_datetime(text).timestamp() - time.time()
        except (TypeError, ValueError):
            return 0


def _reason(error: requests.RequestException) -> str:
    """Return what happened, without the names of urllib3's classes."""
    first = error.args[0] if error.args else None
    causes = [getattr(first, "reason", None), *getattr(first, "args", ())]
    inner = next((one for one in causes if isinstance(one, Exception)), error)
    return str(inner).partition("object at 0x")[2].partition(": ")[2] or str(inner)
