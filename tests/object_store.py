"""A server with the part of S3's protocol that Tansu needs, in this process. Its objects are in memory.

moto, which has all of it, cannot be installed beside beancount: they need different versions of python-dateutil.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

WRITTEN = "2026-01-01T00:00:00.000Z"


def etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()}"'


class Objects(ThreadingHTTPServer):
    """The server. While ``is_full`` it stores nothing, as a disk without space."""

    daemon_threads = True
    is_full = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.objects: dict[str, bytes] = {}
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *arguments: Any) -> None:
        """Say nothing of clients that were killed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*arguments)


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Objects
    wbufsize = -1  # the headers and the body in one packet
    disable_nagle_algorithm = True

    @property
    def key(self) -> str:
        """Return the path without the bucket."""
        return unquote(urlsplit(self.path).path).lstrip("/").partition("/")[2]

    def body(self) -> bytes:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError("the client was killed while it sent an object")
        return body

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status: int, code: str) -> None:
        self.answer(status, f"<Error><Code>{code}</Code></Error>".encode())

    def do_PUT(self) -> None:
        body = self.body()
        if self.server.is_full:
            self.refuse(507, "InsufficientStorage")
            return
        with self.server.lock:
            stored = self.server.objects.get(self.key)
            match, no_match = self.headers.get("If-Match"), self.headers.get("If-None-Match")
            refused = (match and (stored is None or etag(stored) != match)) or (
                no_match and stored is not None
            )
            if not refused:
                self.server.objects[self.key] = body
        if refused:
            self.refuse(412, "PreconditionFailed")
        else:
            self.answer(200, ETag=etag(body))

    def do_GET(self) -> None:
        if not self.key:
            self.list_objects()
            return
        body = self.server.objects.get(self.key)
        if body is None:
            self.refuse(404, "NoSuchKey")
        elif self.headers.get("If-None-Match") == etag(body):
            self.answer(304, ETag=etag(body))
        else:
            self.answer(200, body, ETag=etag(body), Last_Modified="Thu, 01 Jan 2026 00:00:00 GMT")

    def list_objects(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
        contents, folders = [], set()
        with self.server.lock:
            for key, body in sorted(self.server.objects.items()):
                if not key.startswith(prefix):
                    continue
                folder, found, _ = (
                    key.removeprefix(prefix).partition(delimiter) if delimiter else ("", "", "")
                )
                if found:
                    folders.add(f"{prefix}{folder}{delimiter}")
                    continue
                contents.append(
                    f"<Contents><Key>{escape(key)}</Key><LastModified>{WRITTEN}</LastModified>"
                    f"<ETag>{escape(etag(body))}</ETag><Size>{len(body)}</Size></Contents>"
                )
        common = [
            f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in sorted(folders)
        ]
        text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{''.join(contents + common)}</ListBucketResult>"
        self.answer(200, text.encode(), Content_Type="application/xml")

    def do_POST(self) -> None:
        """Delete the objects that the body names. S3 has other requests with POST, which Tansu does not send."""
        keys = [
            element.text or ""
            for element in ElementTree.fromstring(self.body()).iter()
            if element.tag.rpartition("}")[2] == "Key"
        ]
        with self.server.lock:
            for key in keys:
                self.server.objects.pop(key, None)
        deleted = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        self.answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode(), Content_Type="application/xml")

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def object_store() -> Iterator[Objects]:
    """Run the server during the block."""
    with Objects() as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
