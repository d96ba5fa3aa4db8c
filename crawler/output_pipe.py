"""Standard output that cannot be written: the reader of a pipe has ended (``| head``), or the disk is full."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# The errors of a file that has no room, or whose disk fails.
DISK_ERRORS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO))


class OutputFailed(Exception):
    """The output of a command cannot be written, so it is not complete; the message says why, in one line."""


@contextmanager
def reader_may_end() -> Iterator[None]:
    """End the block without an error when the reader of standard output has ended; later output is dropped.

    Raises:
        OutputFailed: the disk of standard output is full, or fails.
    """
    try:
        yield
        sys.stdout.flush()
    except (OSError, SystemExit) as error:
        # rich ends the process when its console meets a closed pipe.
        cause = error if isinstance(error, OSError) else error.__context__
        if isinstance(cause, BrokenPipeError):
            _drop_output()
        # An error of a file that the command has opened has its name.
        elif isinstance(cause, OSError) and cause.errno in DISK_ERRORS and cause.filename is None:
            _drop_output()
            raise OutputFailed(
                f"the output is not complete: {cause.strerror}; make room, or send it elsewhere"
            ) from None
        else:
            raise


def _drop_output() -> None:
    # Python flushes standard output once more at its end. If that fails, the exit code is 120.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
