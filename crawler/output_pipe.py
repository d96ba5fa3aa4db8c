"""Standard output into a pipe whose reader ends early: ``scrapy changes book | head``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reader_may_end() -> Iterator[None]:
    """End the block without an error when the reader of standard output has ended; later output is dropped."""
    try:
        yield
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as error:
        # rich ends the process when its console meets a closed pipe.
        if not isinstance(
            error if isinstance(error, BrokenPipeError) else error.__context__, BrokenPipeError
        ):
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # Python flushes standard output once more at its end
        os.close(nowhere)
