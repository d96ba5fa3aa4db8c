"""Receive the messages of crawls at http://127.0.0.1:8001 and print them, in place of a mailbox."""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Messages(BaseHTTPRequestHandler):
    """Prints the title and the text of each message that comes."""

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        print(message["title"], message["message"], sep="\n", flush=True)  # noqa: T201
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass


HTTPServer(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 8001), Messages).serve_forever()
