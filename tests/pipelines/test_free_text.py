"""Any text in an error, a URL, a reason or an argument is stored, and never ends a run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from crawler.page.commit import Commit
from crawler.page.row import Rejection
from models import CrawlRequest, CrawlRun, Quote, RejectedItem
from models.change import CREATED, Change
from models.outbox import event_columns
from models.request import NewRequest, Settled
from models.text import CUT, fitted, storable
from tests.pipelines.runs import Run

BAD = "nul \x00, halves \ud800 \udcff, and 🌙"
SHOWN = "nul \\x00, halves \\ud800 \\udcff, and 🌙"


def test_text_that_no_database_accepts_is_stored_with_escapes(engine: Engine) -> None:
    run = Run(engine, spider="test", **{"cat": BAD, BAD: [BAD]})
    found = NewRequest(number=0, identity=b"i" * 20, url=BAD, request="{}", priority=0, position=0)
    run.commit(Commit(requests=(found,), start_read=True))
    settled = Settled(number=0, state="failed", status=500, error=BAD)
    rejection = Rejection(model=Quote, item={"body": BAD, BAD: [BAD]}, reasons={"body": BAD, BAD: BAD})
    run.commit(Commit(url=BAD, number=0, rejections=(rejection,), settled=settled))
    ended = run.commit(finish=BAD, covered=False)
    assert not isinstance(ended, Exception), ended
    (crawl,), (request,), (rejected,) = run.all(CrawlRun), run.all(CrawlRequest), run.all(RejectedItem)
    assert crawl.arguments == {"cat": SHOWN, SHOWN: [SHOWN]}
    assert crawl.finish_reason == SHOWN and crawl.reasons == [f"it was ended: {SHOWN}"]
    assert (request.url, request.error) == (SHOWN, SHOWN)
    assert rejected.url == SHOWN and rejected.reasons == {"body": SHOWN, SHOWN: SHOWN}
    assert rejected.item == {"body": BAD, BAD: [BAD]}  # --replay validates it again


def test_text_that_is_too_long_is_cut_to_its_column(engine: Engine) -> None:
    run = Run(engine, spider="s" * 150)
    found = NewRequest(number=0, identity=b"i" * 20, url="u" * 10**6, request="{}", priority=0, position=0)
    run.commit(Commit(requests=(found,), start_read=True))
    run.commit(Commit(number=0, settled=Settled(number=0, state="failed", error="e" * 10**6 + "the end")))
    ended = run.commit(finish="f" * 300, covered=False)
    assert not isinstance(ended, Exception), ended
    (crawl,), (request,) = run.all(CrawlRun), run.all(CrawlRequest)
    assert len(crawl.spider) == 100 and len(crawl.finish_reason) == 100
    assert (
        len(request.error) == 20_000 and request.error.startswith("ee") and request.error.endswith("the end")
    )
    assert CUT in request.url


@given(st.text(st.characters(exclude_categories=())), st.integers(10, 40))
def test_short_text_is_unchanged_and_every_text_is_storable(text: str, longest: int) -> None:
    found = fitted(text, longest)
    found.encode()
    assert "\x00" not in found and len(found) <= longest
    if len(text) <= longest and "\x00" not in text and text.encode("utf-8", "replace").decode() == text:
        assert found == text
    if len(storable(text)) > longest:
        assert CUT in found


def test_an_event_escapes_a_lone_surrogate() -> None:
    change = Change(model=Quote, key=(1,), kind=CREATED, row={"body": {"half": "\ud800\x00"}})
    (data,) = event_columns([change], run_id=1, page_of=lambda _: None)["data"]
    data.encode()
    assert "\\ud800\\u0000" in data
