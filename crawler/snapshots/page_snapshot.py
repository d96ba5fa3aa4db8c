"""A page that could not be read, as it is kept: what came, for which request, and why it is kept.

Of a page ``7/12`` (request 12 of run 7) there are ``7/12.html`` (the body as it came; ``.body`` where it is no HTML),
``7/12.json`` (everything else) and, where the renderer could draw it, ``7/12.png``. Cookies and credentials are in none
of them, as far as they can be told by their names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scrapy import Request
from scrapy.http import Headers, Response, TextResponse
from scrapy.utils.misc import load_object

from crawler.credentials import is_secret, may_be_secret, without_credentials
from crawler.splash.credentials import without_userinfo
from crawler.splash.kept import answer_of, make_again, options_to_keep

# Why a page is kept.
RAISED = "raised"  # its callback raised, or yielded what cannot be taken
REJECTED = "rejected"  # an item of it was rejected
NEVER_APPEARED = "never-appeared"  # what was waited for was not on it in time
REASONS = (RAISED, REJECTED, NEVER_APPEARED)

PAGE_SUFFIXES = (".html", ".body")
FACTS, PICTURE = ".json", ".png"
LONGEST_WHY = 2000  # characters
MOST_WHYS = 20


class UnreadablePage(Exception):
    """A kept page is not there any more, or not as it was written; the message says which."""


@dataclass(frozen=True, kw_only=True)
class KeptPage:
    """A response and its request, as plain values."""

    name: str  # where it is, below KEPT_PAGES_FOLDER: "<run>/<number>"
    spider: str
    arguments: Mapping[str, Any]  # the spider's
    reason: str  # one of REASONS
    why: Sequence[str]
    at: datetime
    request: str  # as JSON: what frontier.request_json makes, without body, cookies and credentials
    url: str
    status: int
    headers: Sequence[tuple[str, Sequence[str]]]
    flags: Sequence[str]
    kind: str  # the response's class
    encoding: str | None  # of a text
    answer: Mapping[str, Any] | None  # what a render script gave beside the page: crawler.splash.kept
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
        """The response as its callback got it.

        Args:
            request: the one that ``self.request`` describes, decoded.
        Raises:
            UnreadablePage: its class is not there any more.
        """
        try:
            kind = load_object(self.kind)
        except (ImportError, NameError, ValueError) as error:
            raise UnreadablePage(f"{self.name}: the class of its response is not there: {error}") from None
        if not (isinstance(kind, type) and issubclass(kind, Response)):
            raise UnreadablePage(f"{self.name}: {self.kind} is no response")
        fields: dict[str, Any] = {
            "url": self.url,
            "status": self.status,
            "headers": Headers({name: list(values) for name, values in self.headers}, encoding="latin-1"),
            "body": self.body,
            "flags": list(self.flags),
        }
        if self.encoding is not None and issubclass(kind, TextResponse):
            fields["encoding"] = self.encoding
        if "splash" in request.meta and self.kind.startswith("scrapy_splash."):
            return make_again(kind, fields, request, self.answer)
        response: Response = kind(**fields, request=request)
        return response


def page_to_keep(
    response: Response,
    *,
    name: str,
    spider: str,
    arguments: Mapping[str, Any],
    reason: str,
    why: Sequence[str],
    request: str,
) -> KeptPage:
    """A response as it is kept, now. ``request`` is the JSON of the page's request in the frontier."""
    kind = type(response)
    return KeptPage(
        name=name,
        spider=spider,
        arguments=dict(arguments),
        reason=reason,
        why=[one[-LONGEST_WHY:] for one in why[:MOST_WHYS]],
        at=datetime.now(UTC),
        request=_request_to_keep(request),
        url=without_userinfo(response.url)[0],
        status=response.status,
        headers=[
            (header.decode("latin-1"), [value.decode("latin-1") for value in values])
            for header, values in response.headers.items()
            if not is_secret(header.decode("latin-1"))
        ],
        flags=list(response.flags),
        kind=f"{kind.__module__}.{kind.__qualname__}",
        encoding=response.encoding if isinstance(response, TextResponse) else None,
        answer=answer_of(response),
        body=response.body,
    )


def _request_to_keep(text: str) -> str:
    """A request's JSON without what it sent: a callback is not called with that, and a form may hold a password."""
    fields = json.loads(text)
    for sent in ("body", "body_base64", "cookies"):
        fields.pop(sent, None)
    fields["url"] = without_userinfo(fields["url"])[0]
    if "headers" in fields:
        fields["headers"] = [[name, values] for name, values in fields["headers"] if not may_be_secret(name)]
    if "splash" in fields.get("meta", {}):
        fields["meta"]["splash"] = options_to_keep(fields["meta"]["splash"])
    return json.dumps(without_credentials(fields), ensure_ascii=True, separators=(",", ":"))


def write_page(folder: Path, page: KeptPage, limit: int | None = None) -> bool:
    """Write the page's files in place of those of that name. The ``.json`` is the last: with it the page is there.

    Args:
        limit: bytes; a larger page is not written, since one that was cut could not be read again.
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
    remove_page(folder, page.name)
    write_whole(target.with_suffix(page_suffix(page)), page.body)
    write_whole(target.with_suffix(FACTS), text)
    return True


def page_suffix(page: KeptPage) -> str:
    return PAGE_SUFFIXES[0] if page.is_html else PAGE_SUFFIXES[1]


def read_page(folder: Path, name: str) -> KeptPage:
    """The page of that name.

    Raises:
        UnreadablePage: it is not there, or not what was written.
    """
    target = folder / name
    try:
        facts = json.loads(target.with_suffix(FACTS).read_bytes())
        suffix = facts.pop("page")
        if suffix not in PAGE_SUFFIXES:
            raise ValueError(suffix)
        body = target.with_suffix(suffix).read_bytes()
        return KeptPage(**{**facts, "name": name, "at": datetime.fromisoformat(facts["at"]), "body": body})
    except FileNotFoundError:
        raise UnreadablePage(f"{name}: the page is not kept any more") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UnreadablePage(f"{name}: {type(error).__name__}: {error}") from None


def pages_of(folder: Path, run_id: int) -> list[str]:
    """The names of the pages that are kept of a run, oldest first."""
    found = []
    for file in (folder / str(run_id)).glob(f"*{FACTS}"):
        with suppress(FileNotFoundError):  # it was the oldest one of a crawl that goes on
            found.append((file.stat().st_mtime_ns, f"{run_id}/{file.stem}"))
    return [name for _, name in sorted(found) if name.partition("/")[2].isdigit()]


def runs_in(folder: Path) -> list[int]:
    """The runs of which there may be pages, newest first."""
    if not folder.is_dir():
        return []
    return sorted((int(one.name) for one in folder.iterdir() if one.name.isdigit()), reverse=True)


def remove_page(folder: Path, name: str) -> None:
    for suffix in (FACTS, PICTURE, *PAGE_SUFFIXES):
        (folder / name).with_suffix(suffix).unlink(missing_ok=True)


def write_whole(file: Path, content: bytes) -> None:
    """The file, as a whole or not at all; for its owner alone, since a site's pages may be nobody else's business."""
    new = file.with_name(f".{file.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    new.replace(file)
