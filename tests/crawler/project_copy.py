"""ProjectCopy: a copy of the project whose spiders a test can edit. All other folders are links to the real ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.crawls import ROOT, scrapy

COPIED = (
    "spiders",
    *("tests/__init__.py", "tests/conftest.py", "tests/databases.py", "tests/processes.py", "tests/pages"),
    *("tests/brokers.py", "tests/object_store.py", "tests/services.py"),
)
NOT_LINKED = ("spiders", "tests", "data")


class ProjectCopy:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        (self.folder / "tests").mkdir(parents=True)
        for path in ROOT.iterdir():
            if path.name not in NOT_LINKED and not path.name.startswith("."):
                (self.folder / path.name).symlink_to(path)
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, self.folder / name)

    def copy(self, name: str) -> Path:
        """Return a folder of the copy that a test may change: a copy in place of the link."""
        folder = self.folder / name
        if folder.is_symlink():
            folder.unlink()
            shutil.copytree(ROOT / name, folder)
        return folder

    @property
    def env(self) -> dict[str, str]:
        """The environment in which Python imports the folders of the copy, not the installed ones."""
        return {"PYTHONPATH": str(self.folder), "KEPT_PAGES_FOLDER": str(self.folder / "data" / "pages")}

    def scrapy(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run ``scrapy`` in the copy."""
        return scrapy(*arguments, cwd=self.folder, **self.env, **env)

    def test(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run pytest in the copy."""
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
        """Replace the text in a file of the copy, which must have it."""
        text = (self.folder / file).read_text("utf-8")
        assert old in text
        (self.folder / file).write_text(text.replace(old, new), "utf-8")
