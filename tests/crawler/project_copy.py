"""A copy of the house in which a test may mend a spider: all rooms are those of here, but ``spiders/`` is its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.crawls import ROOT, scrapy

COPIED = ("spiders", "tests/__init__.py", "tests/conftest.py", "tests/processes.py", "tests/pages")
NOT_COPIED = ("spiders", "tests", "data")


class House:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "house"
        (self.folder / "tests").mkdir(parents=True)
        for one in ROOT.iterdir():
            if one.name not in NOT_COPIED and not one.name.startswith("."):
                (self.folder / one.name).symlink_to(one)
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, self.folder / name)

    @property
    def env(self) -> dict[str, str]:
        """Its rooms go before those that are installed."""
        return {"PYTHONPATH": str(self.folder), "KEPT_PAGES_FOLDER": str(self.folder / "data" / "pages")}

    def scrapy(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return scrapy(*arguments, cwd=self.folder, **self.env, **env)

    def test(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
            cwd=self.folder,
            env=os.environ | self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.folder / file).read_text("utf-8")
        assert old in text
        (self.folder / file).write_text(text.replace(old, new), "utf-8")
