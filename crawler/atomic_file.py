"""Files that are written completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path

OWNER_ONLY = 0o600


def write_atomically(file: Path, content: bytes, *, mode: int = OWNER_ONLY) -> None:
    """Write the content into a new file in the same folder, then rename that file to ``file``.

    Args:
        mode: the permissions of the file; the umask does not change them.

    Raises:
        OSError: the folder cannot be written.
    """
    draft = file.with_name(f".{file.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    draft.chmod(mode)
    draft.replace(file)
