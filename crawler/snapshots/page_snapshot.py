"""A page snapshot: the response, its request, and the reason for the snapshot.

The files of a snapshot ``7/12`` (request 12 of run 7) are ``7/12.html`` (the body, byte for byte; ``.body`` if it is no
HTML), ``7/12.json`` (everything else) and, if the renderer made a screenshot, ``7/12.png``. They have no cookies and no
credentials, as far as their names show what they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scrapy import Request
from scrapy.http import Headers, Response, TextResponse
from scrapy.utils.misc import load_object

from crawler.atomic_file import write_atomically
from crawler.page.snapshot_policy import MOST_WHYS
from crawler.security.page_redaction import is_credential, url_to_keep, without_credentials
from crawler.splash.snapshot_answer import has_splash_class, meta_for_snapshot, rebuild_response, saved_answer
from models.redaction import hidden_values, redacted, with_secrets_of

PAGE_SUFFIXES = (".html", ".body")
FACTS, SCREENSHOT = ".json", ".png"
LONGEST_WHY = 2000  # characters


class UnreadableSnapshot(Exception):
    """A snapshot is not there any more, or its files are not as they were written; the message says which."""


@dataclass(frozen=True, kw_only=True)
class PageSnapshot:
    """A response and its request, as plain values."""

    name: str  # its path in KEPT_PAGES_FOLDER: "<run>/<number>"
    spider: str
    arguments: Mapping[str, Any]  # the spider's
    reason: str  # one of REASONS, or EMPTY
    why: Sequence[str]
    at: datetime
    request: str  # the JSON of frontier.request_json, without body, cookies and credentials
    url: str
    status: int
    headers: Sequence[tuple[str, Sequence[str]]]
    flags: Sequence[str]
    kind: str  # the response's class
    encoding: str | None  # of a text
    answer: Mapping[str, Any] | None  # of a render script, without the page: crawler.splash.snapshot_answer
    body: bytes

    @property
    def run_id(self) -> int:
        return int(self.name.partition("/")[0])

    @property
    def number(self) -> int:
        return int(self.name.partition("/")[2])

    @property
    def is_html(self) -> bool:
        types = [value for name, values in self.headers if name.lower() == "content-type" for value in values]
        return any("html" in one.lower() for one in types) or self.kind.endswith(".HtmlResponse")

    def response(self, request: Request) -> Response:
        """Return the response as its callback got it.

        Args:
            request: the decoded ``self.request``.
        Raises:
            UnreadableSnapshot: the response's class is not there any more.
        """
        try:
            kind = load_object(self.kind)
        except (ImportError, NameError, ValueError) as error:
            raise UnreadableSnapshot(
                f"{self.name}: the class of its response cannot be loaded: {error}"
            ) from None
        if not (isinstance(kind, type) and issubclass(kind, Response)):
            raise UnreadableSnapshot(f"{self.name}: {self.kind} is no response class")
        fields: dict[str, Any] = {
            "url": self.url,
            "status": self.status,
            "headers": Headers({name: list(values) for name, values in self.headers}, encoding="latin-1"),
            "body": self.body,
            "flags": list(self.flags),
        }
        if self.encoding is not None and issubclass(kind, TextResponse):
            fields["encoding"] = self.encoding
        if has_splash_class(self.kind, request):
            return rebuild_response(kind, fields, request, self.answer)
        response: Response = kind(**fields, request=request)
        return response


def take_snapshot(
    response: Response,
    *,
    name: str,
    spider: str,
    arguments: Mapping[str, Any],
    reason: str,
    why: Sequence[str],
    request: str,
) -> PageSnapshot:
    """Return a snapshot of a response.

    Args:
        request: the JSON of the page's request in the frontier.
    """
    kind = type(response)
    return PageSnapshot(
        name=name,
        spider=spider,
        arguments=hidden_values(arguments),
        reason=reason,
        why=[redacted(one)[-LONGEST_WHY:] for one in why[:MOST_WHYS]],
        at=datetime.now(UTC),
        request=_safe_request(request),
        url=url_to_keep(response.url),
        status=response.status,
        headers=[
            (header.decode("latin-1"), [value.decode("latin-1") for value in values])
            for header, values in response.headers.items()
            if not is_credential(header.decode("latin-1"))
        ],
        flags=list(response.flags),
        kind=f"{kind.__module__}.{kind.__qualname__}",
        encoding=response.encoding if isinstance(response, TextResponse) else None,
        answer=saved_answer(response),
        body=response.body,
    )


def _safe_request(text: str) -> str:
    """Return a request's JSON without body, cookies and credentials: a form may have a password."""
    fields = json.loads(text)
    for name in ("body", "body_base64", "cookies"):
        fields.pop(name, None)
    fields["url"] = url_to_keep(fields["url"])
    if "headers" in fields:
        fields["headers"] = [[name, values] for name, values in fields["headers"] if not is_credential(name)]
    if "meta" in fields:
        fields["meta"] = meta_for_snapshot(fields["meta"])
    return json.dumps(without_credentials(fields), ensure_ascii=True, separators=(",", ":"))


def write_snapshot(folder: Path, page: PageSnapshot, limit: int | None = None) -> bool:
    """Write the snapshot's files, and return whether it is small enough. Replaces the files of the same name.

    The ``.json`` is written last: a snapshot exists when it has this file.

    Args:
        limit: bytes; a larger page is not written, because a part of a page could not be replayed.
    Raises:
        OSError: the folder cannot be written.
    """
    facts = asdict(replace(page, body=b""))
    del facts["body"]
    facts |= {"at": page.at.isoformat(), "page": page_suffix(page)}
    text = json.dumps(facts, ensure_ascii=True, indent=1).encode()
    if limit is not None and len(page.body) + len(text) > limit:
        return False
    target = folder / page.name
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    remove_snapshot(folder, page.name)
    write_atomically(target.with_suffix(page_suffix(page)), page.body)
    write_atomically(target.with_suffix(FACTS), text)
    return True


def page_suffix(page: PageSnapshot) -> str:
    """Return the suffix of the body's file."""
    return PAGE_SUFFIXES[0] if page.is_html else PAGE_SUFFIXES[1]


def read_snapshot(folder: Path, name: str) -> PageSnapshot:
    """Return the snapshot of that name.

    Raises:
        UnreadableSnapshot: it is not there, or its files are not as they were written.
    """
    target = folder / name
    try:
        facts = json.loads(target.with_suffix(FACTS).read_bytes())
        suffix = facts.pop("page")
        if suffix not in PAGE_SUFFIXES:
            raise ValueError(suffix)
        body = target.with_suffix(suffix).read_bytes()
        return PageSnapshot(
            **{**facts, "name": name, "at": datetime.fromisoformat(facts["at"]), "body": body}
        )
    except FileNotFoundError:
        raise UnreadableSnapshot(f"{name}: the snapshot is not there any more") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UnreadableSnapshot(f"{name}: {type(error).__name__}: {error}") from None


def with_its_secrets(page: PageSnapshot, request: str | None) -> PageSnapshot:
    """Return the snapshot with the frontier's request, and with the secrets of its URL.

    The files have ``***`` in their place, but a row's key may need them: arguments of the callback, parts of the URL.

    Args:
        request: the JSON of the page's request in the frontier.
    """
    if request is None:
        return page
    return replace(page, url=with_secrets_of(page.url, json.loads(request)["url"]), request=request)


def snapshots_of_run(folder: Path, run_id: int) -> list[str]:
    """Return the names of a run's snapshots, oldest first."""
    found = []
    for file in (folder / str(run_id)).glob(f"*{FACTS}"):
        with suppress(FileNotFoundError):  # a running crawl has removed its oldest snapshot
            found.append((file.stat().st_mtime_ns, f"{run_id}/{file.stem}"))
    return [name for _, name in sorted(found) if name.partition("/")[2].isdigit()]


def runs_with_snapshots(folder: Path) -> list[int]:
    """Return the runs that have a folder of snapshots, newest first."""
    if not folder.is_dir():
        return []
    return sorted((int(one.name) for one in folder.iterdir() if one.name.isdigit()), reverse=True)


def body_file(folder: Path, name: str) -> Path | None:
    """Return the file of a snapshot's body; None if the snapshot is not there any more."""
    files = ((folder / name).with_suffix(suffix) for suffix in PAGE_SUFFIXES)
    return next((file for file in files if file.is_file()), None)


def remove_snapshot(folder: Path, name: str) -> None:
    """Remove the snapshot's files that exist."""
    for suffix in (FACTS, SCREENSHOT, *PAGE_SUFFIXES):
        (folder / name).with_suffix(suffix).unlink(missing_ok=True)
