"""The classes and functions that settings name, against the interfaces of crawler/run/interfaces.py.

mypy compares the signatures.
"""

from __future__ import annotations

from scrapy.utils.misc import load_object
from scrapy.utils.project import get_project_settings

from crawler.run.interfaces import (
    ItemProcessor,
    MakePageReader,
    MakePageStore,
    MakePageWriter,
    ReplayRejected,
    SavedPage,
)
from crawler.snapshots.page_snapshot import PageSnapshot
from frontier.snapshot_reader import OfflineSpider
from pipelines.item_processor import PageItemProcessor
from pipelines.page_replay import PageStore
from pipelines.rejected_replay import replay
from pipelines.storage.writer import make_writer

page_writer: MakePageWriter = make_writer
page_reader: MakePageReader = OfflineSpider
page_store: MakePageStore = PageStore
replay_rejected: ReplayRejected = replay
item_processor: type[ItemProcessor] = PageItemProcessor
saved_page: type[SavedPage] = PageSnapshot


def test_the_settings_name_the_implementations_of_the_interfaces() -> None:
    settings = get_project_settings()
    loaded = {
        name: load_object(settings[name])
        for name in ("PAGE_WRITER", "PAGE_READER", "PAGE_STORE", "REPLAY", "ITEM_PROCESSOR")
    }
    assert loaded == {
        "PAGE_WRITER": page_writer,
        "PAGE_READER": page_reader,
        "PAGE_STORE": page_store,
        "REPLAY": replay_rejected,
        "ITEM_PROCESSOR": item_processor,
    }
