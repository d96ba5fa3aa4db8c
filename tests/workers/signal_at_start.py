"""An extension that sends its own process SIGTERM while the crawl starts, as if somebody stopped the worker just then.

``EXTENSIONS={"tests.workers.signal_at_start.SignalAtStart": 14}`` is before the worker joins the run, 16 after it.
"""

from __future__ import annotations

import os
import signal
from typing import Self

from scrapy.crawler import Crawler


class SignalAtStart:
    @classmethod
    def from_crawler(cls, _crawler: Crawler) -> Self:
        os.kill(os.getpid(), signal.SIGTERM)
        return cls()
