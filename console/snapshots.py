"""The files of page snapshots: found by name below KEPT_PAGES_FOLDER, and read without trust in what they have."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from crawler.snapshots.page_snapshot import FACTS, PAGE_SUFFIXES, SCREENSHOT

NAME = re.compile(r"[1-9][0-9]{0,9}/(?:0|[1-9][0-9]{0,17})")
PNG = b"\x89PNG\r\n\x1a\n"
LARGEST_FACTS = 16 * 2**20  # bytes
LARGEST_BODY = 64 * 2**20
# Elements that name another page or server: a link, a style sheet, a connection that is opened early. The policy of the
# response forbids most of them; a browser still follows a link, and opens connections, so they become other elements.
_LINK = re.compile(r"<(/?)a(?=[\s/>])", re.IGNORECASE)
_VOID = re.compile(r"<(?:link|meta|base|area)(?=[\s/>])", re.IGNORECASE)


class NoSuchSnapshot(Exception):
    """There is no snapshot of this name, or its files are outside the folder."""


class UnreadableFile(Exception):
    """A file of the snapshot is there, but is not as a crawl writes it; the message says which, in one line."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What the ``.json`` of a snapshot has, as values of these types.

    Attributes:
        request: the request's JSON, without secrets.
        encoding: of a text; None: the body is no text.
        suffix: of the body's file.
    """

    name: str
    spider: str
    reason: str
    why: Sequence[str]
    at: datetime | None
    url: str
    status: int | None
    headers: Sequence[tuple[str, str]]
    request: Any
    encoding: str | None
    suffix: str

    @property
    def is_html(self) -> bool:
        return self.suffix == PAGE_SUFFIXES[0]

    @property
    def is_text(self) -> bool:
        return self.is_html or self.encoding is not None


def is_name(name: str) -> bool:
    """Return whether a snapshot can have this name: RUN/NUMBER."""
    return NAME.fullmatch(name) is not None


def run_and_number(name: str) -> tuple[int, int]:
    """Return the run and the request of a snapshot's name."""
    run_id, _, number = name.partition("/")
    return int(run_id), int(number)


def file_of(folder: Path, name: str, suffix: str) -> Path:
    """Return the path of a snapshot's file, which may not exist.

    Raises:
        NoSuchSnapshot: the name is none, or a symbolic link leads out of the folder.
    """
    if not is_name(name):
        raise NoSuchSnapshot(name)
    try:
        inside = folder.resolve()
        file = (inside / f"{name}{suffix}").resolve()
    except (OSError, RuntimeError) as error:  # a circle of symbolic links
        raise NoSuchSnapshot(name) from error
    if not file.is_relative_to(inside):
        raise NoSuchSnapshot(name)
    return file


def read_facts(folder: Path, name: str) -> Snapshot | None:
    """Return the facts of a snapshot; None if it is not in this folder.

    Raises:
        NoSuchSnapshot: as ``file_of``.
        UnreadableFile: the file cannot be read.
    """
    content = _read(file_of(folder, name, FACTS), LARGEST_FACTS)
    if content is None:
        return None
    try:
        facts = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"{name}{FACTS} is no JSON: {error}") from None
    if not isinstance(facts, dict) or facts.get("page") not in PAGE_SUFFIXES:
        raise UnreadableFile(f"{name}{FACTS} is not as a crawl writes it")
    return Snapshot(
        name=name,
        spider=str(facts.get("spider") or ""),
        reason=str(facts.get("reason") or ""),
        why=[str(one) for one in _list(facts.get("why"))],
        at=_datetime(facts.get("at")),
        url=str(facts.get("url") or ""),
        status=facts["status"] if isinstance(facts.get("status"), int) else None,
        headers=[
            (str(pair[0]), str(value))
            for pair in _list(facts.get("headers"))
            if isinstance(pair, list) and len(pair) == 2
            for value in _list(pair[1])
        ],
        request=_json(facts.get("request")),
        encoding=facts["encoding"] if isinstance(facts.get("encoding"), str) else None,
        suffix=facts["page"],
    )


def reason_of(folder: Path, name: str) -> str | None:
    """Return the reason of a snapshot; None if its files are not here or cannot be read."""
    try:
        facts = read_facts(folder, name)
    except (NoSuchSnapshot, UnreadableFile):
        return None
    return facts.reason if facts is not None else None


def read_body(folder: Path, page: Snapshot) -> bytes | None:
    """Return the body of a snapshot; None if it is not in this folder.

    Raises:
        NoSuchSnapshot, UnreadableFile: as ``read_facts``.
    """
    return _read(file_of(folder, page.name, page.suffix), LARGEST_BODY)


def read_screenshot(folder: Path, name: str) -> bytes | None:
    """Return the screenshot of a snapshot; None if there is none, or if the file is no PNG.

    Raises:
        NoSuchSnapshot, UnreadableFile: as ``read_facts``.
    """
    content = _read(file_of(folder, name, SCREENSHOT), LARGEST_BODY)
    return content if content is not None and content.startswith(PNG) else None


def text_of(body: bytes, encoding: str | None) -> str:
    """Return the body as text; bytes that its encoding does not have become U+FFFD."""
    try:
        return body.decode(encoding or "utf-8", "replace")
    except (LookupError, ValueError):  # no encoding, or one of bytes to bytes
        return body.decode("utf-8", "replace")


def without_links(html: str) -> str:
    """Return the HTML with elements of no meaning in place of links, style sheets, ``meta`` and ``base``."""
    # <bgsound> has no content, may be in the head like these elements, and no browser does anything for it.
    return _VOID.sub("<bgsound", _LINK.sub(r"<\1x-a", html))


def _read(file: Path, largest: int) -> bytes | None:
    try:
        if not file.is_file():
            return None
        with file.open("rb") as opened:
            content = opened.read(largest + 1)
    except OSError as error:
        raise UnreadableFile(f"{file.name} cannot be read: {error.strerror}") from None
    if len(content) > largest:
        raise UnreadableFile(f"{file.name} is larger than {largest // 2**20} MiB")
    return content


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _datetime(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
