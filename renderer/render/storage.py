"""The argument ``auth_storage``: localStorage and sessionStorage that a page finds, and what it leaves there."""

from __future__ import annotations

import json
from typing import Any

from renderer.chromium.cdp import CommandFailed
from renderer.tab.document import ScriptFailed
from renderer.tab.tab import Tab

PARTS = ("local", "session")
_MARK = "splashdown-restored"

# Runs when a document begins, before its scripts. The first document of the origin gets the values.
_RESTORE = """(given => {
  if (location.origin !== given.origin || sessionStorage.getItem(MARK)) return;
  sessionStorage.setItem(MARK, '1');
  for (const [storage, values] of [[localStorage, given.local], [sessionStorage, given.session]])
    for (const name in values) storage.setItem(name, values[name]);
})(GIVEN)""".replace("MARK", json.dumps(_MARK))

_STORED = """(() => {
  const copy = storage => Object.fromEntries(Array.from({length: storage.length}, (_, at) => storage.key(at))
    .filter(name => name !== MARK).map(name => [name, storage.getItem(name)]));
  return {origin: location.origin, local: copy(localStorage), session: copy(sessionStorage)};
})()""".replace("MARK", json.dumps(_MARK))


def checked_storage(value: Any) -> dict[str, Any]:
    """Return the value of the argument, or the JSON in its text, if it is a storage.

    Raises:
        ValueError: it is none.
    """
    storage = json.loads(value) if isinstance(value, str) else value
    if not isinstance(storage, dict) or not isinstance(storage.get("origin"), str):
        raise ValueError("it has no origin")
    for part in PARTS:
        values = storage.setdefault(part, {})
        if not isinstance(values, dict) or not all(isinstance(text, str) for text in values.values()):
            raise ValueError(f"{part!r} is no object of texts")
    return storage


async def restore_storage(tab: Tab, storage: dict[str, Any]) -> None:
    """Give these values to the first document of their origin that the tab will load."""
    await tab.start_empty()
    await tab.scripts.add(_RESTORE.replace("GIVEN", json.dumps(storage)))


async def stored(tab: Tab) -> str | None:
    """Return the storage of the tab's page as JSON; None for a page that may have none."""
    try:
        return json.dumps(await tab.document.evaluate(_STORED))
    except (CommandFailed, ScriptFailed):
        return None
