"""Start an Oscar shop with books, and say which rows a perfect crawl of it stores."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.processes import ROOT, free_port
from tests.sites.oscar.seed import books

SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.sites.oscar.settings"}


@contextlib.contextmanager
def oscar_shop(folder: Path, products: int) -> Iterator[str]:
    """Fill a shop in the folder and serve it until the block ends; yield its URL."""
    env = os.environ | SETTINGS | {"OSCAR_FOLDER": str(folder), "PYTHONWARNINGS": "ignore"}
    subprocess.run(
        [sys.executable, "-m", "tests.sites.oscar.seed", str(products)], cwd=ROOT, env=env, check=True
    )
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [sys.executable, "-m", "django", "runserver", "--noreload", "--insecure", "--skip-checks", address],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url, deadline = f"http://{address}", time.monotonic() + 60
    try:
        while True:
            try:
                urllib.request.urlopen(f"{url}/catalogue/", timeout=10).close()
                break
            except OSError:
                assert process.poll() is None, "the shop ended"
                assert time.monotonic() < deadline, f"{url} does not answer"
                time.sleep(0.1)  # between two looks
        yield url
    finally:
        process.terminate()
        process.wait(20)


def switch_to_scripts(folder: Path, after: int) -> None:
    """Let scripts make the shop's pages, after so many more pages of the server."""
    (folder / "script").write_text(str(after))


def truth(products: int) -> dict[tuple[str], dict[str, Any]]:
    """Return the rows of the shop, by natural key."""
    return {(book["upc"],): book for book in books(products)}
