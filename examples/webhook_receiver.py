"""A receiver of webhooks: it checks the signature of each event. Python's standard library is enough.

    WEBHOOK_SECRET=whsec_... python examples/webhook_receiver.py 8080 events.db

The relay has BROKER_URL=http://127.0.0.1:8080/?webhook_private=1&webhook_secret=whsec_... (write + / = of the secret
as %2B %2F %3D). Make a secret: python -c "import base64, os; print('whsec_' +
base64.b64encode(os.urandom(32)).decode())" Outside of this machine put a proxy with TLS before the receiver, and use
https://.

The signature is that of https://www.standardwebhooks.com. The receiver answers 204 after the transaction of its work;
the relay sends an event again until it gets such an answer. A wrong signature is answered with 401, after which the
relay tries again, too: so nothing is lost while the two secrets differ. 410 would end the webhook.

The relay may send an event again. The transaction of the work stores the event's id in the table `seen`, so a repeat
finds its id there and has no effect. Ids of more than 30 days are deleted: keep them for longer than the relay may
ever be off. The check of the time in the signature refuses a copy of an old request.
"""

import base64
import hashlib
import hmac
import json
import os
import sqlite3
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

TOLERANCE = 300  # seconds between the two clocks
LARGEST = 10_000_000  # bytes of an event
TABLES = """
    CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, at TEXT DEFAULT CURRENT_TIMESTAMP);
    CREATE TABLE IF NOT EXISTS work (subject TEXT, kind TEXT, changed TEXT);
    DELETE FROM seen WHERE at < datetime('now', '-30 days');
"""


def is_signed(secret, headers, body):
    """Return whether a request was signed with the secret, and not long ago."""
    id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not at.isdigit() or abs(time.time() - int(at)) > TOLERANCE:
        return False
    right = hmac.new(secret, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(right).decode()
    # While a secret is replaced, a sender may sign with both.
    return any(
        hmac.compare_digest(expected.encode(), one.encode())
        for one in headers.get("webhook-signature", "").split()
    )


def work(database, event):
    """Do the work of an event, unless it was done before."""
    with database:  # one transaction
        if not database.execute("INSERT OR IGNORE INTO seen (id) VALUES (?)", [event["id"]]).rowcount:
            return  # a repeat
        data = event["data"]
        database.execute(
            "INSERT INTO work VALUES (?, ?, ?)",
            [event["subject"], data["kind"], json.dumps(data["changed"])],
        )


class Receiver(BaseHTTPRequestHandler):
    timeout = 30  # seconds for the request of a client

    def do_POST(self):
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > LARGEST:
            self.answer(413)
            return
        body = self.rfile.read(int(length))
        if not is_signed(self.server.secret, self.headers, body):
            self.answer(401)
            return
        work(self.server.database, json.loads(body))
        self.answer(204)

    def answer(self, code):
        self.send_response(code)
        self.end_headers()


def main(port, file):
    server = HTTPServer(("127.0.0.1", int(port)), Receiver)  # one request after the other
    server.secret = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
    server.database = sqlite3.connect(file, timeout=60)
    server.database.executescript(TABLES)
    print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
