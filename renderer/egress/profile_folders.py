"""Folders of profiles: JavaScript profiles, which run in the page before the client's script, and paths in a folder."""

from __future__ import annotations

from pathlib import Path


def path_inside(folder: Path, name: str) -> Path | None:
    """Return the path of this name in the folder; None if the path is outside of the folder."""
    path = (folder / name).resolve()
    return path if path != folder.resolve() and path.is_relative_to(folder.resolve()) else None


def read_script_profile(folder: Path, name: str) -> str:
    """Return the text of a profile's files, in the order of their names.

    Raises:
        ValueError: there is no such profile.
    """
    profile = path_inside(folder, name)
    if profile is None or not profile.is_dir():
        raise ValueError("Javascript profile does not exist")
    files = sorted(profile.glob("*.js"))
    return "\n".join(path.read_text(encoding="utf-8") for path in files)
