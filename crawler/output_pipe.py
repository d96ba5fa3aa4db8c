"""Standard output into a pipe whose reader ends early: ``scrapy changes book | head``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reader_may_end() -> Iterator[None]:
    """End the block without an error when nobody reads standard output any more; later output goes nowhere."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # Python flushes standard output once more at its end
        os.close(nowhere)
