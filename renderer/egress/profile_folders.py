"""JavaScript profiles: folders of files that run in the page before the client's own script."""

from __future__ import annotations

from pathlib import Path


def path_inside(folder: Path, name: str) -> Path | None:
    """The path of this name if it stays inside the folder."""
    path = (folder / name).resolve()
    return path if path != folder.resolve() and path.is_relative_to(folder.resolve()) else None


def read_script_profile(folder: Path, name: str) -> str:
    """The files of a profile in the order of their names; ValueError if there is no such profile."""
    profile = path_inside(folder, name)
    if profile is None or not profile.is_dir():
        raise ValueError("Javascript profile does not exist")
    files = sorted(profile.glob("*.js"))
    return "\n".join(path.read_text(encoding="utf-8") for path in files)
