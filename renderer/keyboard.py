"""Key presses and text for whatever has the focus."""

from __future__ import annotations

from renderer.tab import Tab

# name in send_keys: (key, code, Windows key code, text)
_KEYS: dict[str, tuple[str, str, int, str]] = {
    "Return": ("Enter", "Enter", 13, "\r"),
    "Enter": ("Enter", "NumpadEnter", 13, "\r"),
    "Tab": ("Tab", "Tab", 9, ""),
    "Escape": ("Escape", "Escape", 27, ""),
    "Space": (" ", "Space", 32, " "),
    "Backspace": ("Backspace", "Backspace", 8, ""),
    "Delete": ("Delete", "Delete", 46, ""),
    "Insert": ("Insert", "Insert", 45, ""),
    "Home": ("Home", "Home", 36, ""),
    "End": ("End", "End", 35, ""),
    "PageUp": ("PageUp", "PageUp", 33, ""),
    "PageDown": ("PageDown", "PageDown", 34, ""),
    "Left": ("ArrowLeft", "ArrowLeft", 37, ""),
    "Up": ("ArrowUp", "ArrowUp", 38, ""),
    "Right": ("ArrowRight", "ArrowRight", 39, ""),
    "Down": ("ArrowDown", "ArrowDown", 40, ""),
}


class UnknownKey(Exception):
    """A key that we have no code for."""


async def send_text(tab: Tab, text: str) -> None:
    """Type characters; the page sees key events with them."""
    for character in text:
        await _press(tab, _KEYS["Return"] if character == "\n" else (character, "", 0, character))


async def send_keys(tab: Tab, keys: str) -> None:
    """Keys with spaces between them: single characters, or names in angle brackets."""
    for name in keys.split():
        if name.startswith("<") and name.endswith(">") and len(name) > 2:
            key = _KEYS.get(name[1:-1])
            if key is None:
                raise UnknownKey(name)
            await _press(tab, key)
        else:
            await send_text(tab, name)


async def _press(tab: Tab, key: tuple[str, str, int, str]) -> None:
    name, code, number, text = key
    event = {"key": name, "code": code, "windowsVirtualKeyCode": number}
    down = event | ({"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"})
    await tab.session.call("Input.dispatchKeyEvent", down)
    await tab.session.call("Input.dispatchKeyEvent", event | {"type": "keyUp"})
