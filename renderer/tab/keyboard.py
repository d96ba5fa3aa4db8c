"""Key presses and text for the element that has the focus."""

from __future__ import annotations

import re
from string import ascii_uppercase, digits
from typing import NamedTuple

from renderer.tab.tab import Tab

ALT, CONTROL, META, SHIFT = 1, 2, 4, 8  # CDP's modifiers


class Key(NamedTuple):
    """The fields of a key event in the page."""

    key: str
    code: str
    number: int  # Windows' key code, which is the event's keyCode
    text: str = ""
    modifiers: int = 0


# The keys by their names in Qt, which are the names of Splash's send_keys.
_KEYS = {
    "Return": Key("Enter", "Enter", 13, "\r"),
    "Enter": Key("Enter", "NumpadEnter", 13, "\r"),
    "Tab": Key("Tab", "Tab", 9),
    "Backtab": Key("Tab", "Tab", 9, modifiers=SHIFT),
    "Escape": Key("Escape", "Escape", 27),
    "Space": Key(" ", "Space", 32, " "),
    "Backspace": Key("Backspace", "Backspace", 8),
    "Delete": Key("Delete", "Delete", 46, "\x7f"),
    "Insert": Key("Insert", "Insert", 45),
    "Home": Key("Home", "Home", 36),
    "End": Key("End", "End", 35),
    "PageUp": Key("PageUp", "PageUp", 33),
    "PageDown": Key("PageDown", "PageDown", 34),
    "Left": Key("ArrowLeft", "ArrowLeft", 37),
    "Up": Key("ArrowUp", "ArrowUp", 38),
    "Right": Key("ArrowRight", "ArrowRight", 39),
    "Down": Key("ArrowDown", "ArrowDown", 40),
    "Shift": Key("Shift", "ShiftLeft", 16, modifiers=SHIFT),
    "Control": Key("Control", "ControlLeft", 17, modifiers=CONTROL),
    "Alt": Key("Alt", "AltLeft", 18, modifiers=ALT),
    "Meta": Key("Meta", "MetaLeft", 91, modifiers=META),
    "AltGr": Key("AltGraph", "AltRight", 0),
    "Menu": Key("ContextMenu", "ContextMenu", 93),
    "CapsLock": Key("CapsLock", "CapsLock", 20),
    "NumLock": Key("NumLock", "NumLock", 144),
    "ScrollLock": Key("ScrollLock", "ScrollLock", 145),
    "Clear": Key("Clear", "", 12),
    "Pause": Key("Pause", "Pause", 19),
    "Print": Key("PrintScreen", "PrintScreen", 44),
    "SysReq": Key("PrintScreen", "PrintScreen", 0),
    "Help": Key("Help", "Help", 47),
    "Select": Key("Select", "Select", 41),
    "Execute": Key("Execute", "", 43),
    **{f"F{number}": Key(f"F{number}", f"F{number}", 111 + number) for number in range(1, 25)},
    **{letter: Key(letter, f"Key{letter}", ord(letter), letter) for letter in ascii_uppercase},
    **{digit: Key(digit, f"Digit{digit}", ord(digit), digit) for digit in digits},
}
_SIGNS = {
    "Plus": ("+", 187),
    "Equal": ("=", 187),
    "Minus": ("-", 189),
    "Underscore": ("_", 189),
    "Comma": (",", 188),
    "Less": ("<", 188),
    "Period": (".", 190),
    "Greater": (">", 190),
    "Slash": ("/", 191),
    "Question": ("?", 191),
    "Semicolon": (";", 186),
    "Colon": (":", 186),
    "Apostrophe": ("'", 222),
    "QuoteDbl": ('"', 222),
    "BracketLeft": ("[", 219),
    "BracketRight": ("]", 221),
    "BraceLeft": ("{", 219),
    "BraceRight": ("}", 221),
    "Backslash": ("\\", 220),
    "Bar": ("|", 220),
    "QuoteLeft": ("`", 192),
    "AsciiTilde": ("~", 192),
    "Exclam": ("!", 49),
    "At": ("@", 50),
    "NumberSign": ("#", 51),
    "Dollar": ("$", 52),
    "Percent": ("%", 53),
    "AsciiCircum": ("^", 54),
    "Ampersand": ("&", 55),
    "Asterisk": ("*", 56),
    "ParenLeft": ("(", 57),
    "ParenRight": (")", 48),
}
_KEYS |= {name: Key(sign, "", number, sign) for name, (sign, number) in _SIGNS.items()}
_NAME = re.compile(r"<(\w+)>")


class UnknownKey(Exception):
    """A key name that is not in the table of keys."""


async def send_text(tab: Tab, text: str) -> None:
    """Type characters; the page gets key events for each of them."""
    for character in text:
        await _press(tab, _KEYS["Return"] if character == "\n" else Key(character, "", 0, character))


async def send_keys(tab: Tab, keys: str) -> None:
    """Press the keys of a text: words separated by spaces, each a key name in angle brackets or text to type.

    Raises:
        UnknownKey: no key has this name.
    """
    for word in keys.split():
        if (name := _NAME.fullmatch(word)) is None:
            await send_text(tab, word)
        elif name[1] in _KEYS:
            await _press(tab, _KEYS[name[1]])
        else:
            raise UnknownKey(name[1])


async def _press(tab: Tab, key: Key) -> None:
    event = {
        "key": key.key,
        "code": key.code,
        "windowsVirtualKeyCode": key.number,
        "modifiers": key.modifiers,
    }
    down = event | ({"type": "keyDown", "text": key.text} if key.text else {"type": "rawKeyDown"})
    await tab.session.call("Input.dispatchKeyEvent", down)
    await tab.session.call("Input.dispatchKeyEvent", event | {"type": "keyUp"})
