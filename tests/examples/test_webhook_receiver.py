"""examples/webhook_receiver.py: it stores each event once, and refuses what the relay has not signed."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from urllib.parse import quote

import requests
from sqlalchemy import Engine

from outbox.sinks.webhook import signature
from tests.examples.programs import Program, program, send_with_repeats, works, works_by_row
from tests.outbox.events import history

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def url_of(receiver: Program) -> str:
    receiver.wait_until(lambda: bool(receiver.lines))
    return receiver.lines[0].removeprefix("listening on ")


def test_each_event_is_stored_once_and_in_order(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "events.db"
    with program("webhook_receiver.py", "0", str(file), WEBHOOK_SECRET=SECRET) as receiver:
        options = f"webhook_private=1&webhook_secret={quote(SECRET, safe='')}"
        send_with_repeats(engine, f"{url_of(receiver)}events?{options}")
    assert works_by_row(file) == history(engine)


def test_a_request_that_the_relay_has_not_signed_is_refused(tmp_path: Path) -> None:
    file, now = tmp_path / "events.db", int(time.time())
    body = json.dumps({"id": "1", "subject": "book/[1]", "data": {"kind": "gone", "changed": {}}}).encode()

    with program("webhook_receiver.py", "0", str(file), WEBHOOK_SECRET=SECRET) as receiver:
        url = url_of(receiver)

        def post(at: int, *, key: bytes = KEY, signed: bytes = body) -> int:
            headers = {
                "webhook-id": "1",
                "webhook-timestamp": str(at),
                "webhook-signature": f"v1,x {signature(key, '1', str(at), signed)}",
            }
            return requests.post(url, data=body, headers=headers, timeout=30).status_code

        assert requests.post(url, data=body, timeout=30).status_code == 401
        assert post(now, key=b"another key") == 401
        assert post(now, signed=b"another body") == 401
        assert post(now - 3600) == 401 == post(now + 3600)
        assert works(file) == []
        assert post(now) == 204 and len(works(file)) == 1
