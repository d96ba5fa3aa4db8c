"""Mouse events at a point of the viewport."""

from __future__ import annotations

from renderer.tab.tab import Tab


async def _send(tab: Tab, kind: str, x: float, y: float, pressed: bool = False) -> None:
    await tab.drawing.show_frame()
    await tab.session.call(
        "Input.dispatchMouseEvent",
        {
            "type": kind,
            "x": x,
            "y": y,
            "button": "none" if kind == "mouseMoved" else "left",
            "buttons": 1 if pressed else 0,
            "clickCount": 0 if kind == "mouseMoved" else 1,
        },
    )


async def hover(tab: Tab, x: float, y: float) -> None:
    await _send(tab, "mouseMoved", x, y)


async def press(tab: Tab, x: float, y: float) -> None:
    await hover(tab, x, y)
    await _send(tab, "mousePressed", x, y, pressed=True)


async def release(tab: Tab, x: float, y: float) -> None:
    await _send(tab, "mouseReleased", x, y)


async def click(tab: Tab, x: float, y: float) -> None:
    await press(tab, x, y)
    await release(tab, x, y)
