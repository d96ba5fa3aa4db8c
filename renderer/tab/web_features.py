"""Features of the web that a render can turn off for its pages; each has a switch in Splash's API."""

from __future__ import annotations

from renderer.tab.page_scripts import HIDE_MEDIA
from renderer.tab.tab import Tab

MEDIA = "html5_media_enabled"

# Pages detect the features of a browser by these names.
_HIDE = {
    "media_source": """
      for (const name of ['MediaSource', 'ManagedMediaSource', 'WebKitMediaSource', 'SourceBuffer'])
        delete self[name];""",
    "indexeddb": "delete self.indexedDB;",
    "webgl": """
      for (const type of [self.HTMLCanvasElement, self.OffscreenCanvas]) {
        if (!type) continue;
        const getContext = type.prototype.getContext;
        type.prototype.getContext = function (kind, ...options) {
          return /webgl/i.test(kind) ? null : getContext.call(this, kind, ...options);
        };
      }""",
}
SWITCHES = (MEDIA, *(f"{feature}_enabled" for feature in _HIDE))

# This copies the function from another document. The tab shows no page yet, so no script can notice it.
_SHOW_MEDIA = """{
  const frame = document.documentElement.appendChild(document.createElement('iframe'));
  const theirs = frame.contentWindow.HTMLMediaElement.prototype, mine = HTMLMediaElement.prototype;
  Object.defineProperty(mine, 'canPlayType', Object.getOwnPropertyDescriptor(theirs, 'canPlayType'));
  frame.remove();
}"""


class WebFeatures:
    """The switches of a render: media are off at first, the others on.

    "Off" takes effect at once, "on" from the next page. Workers that run already keep their features.
    """

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self._media = False
        self._hiding: dict[str, str] = {}  # switch -> the script that hides the feature

    def is_on(self, switch: str) -> bool:
        return self._media if switch == MEDIA else switch not in self._hiding

    async def turn(self, switch: str, on: bool) -> None:
        """Turn one of ``SWITCHES`` on or off."""
        if switch == MEDIA:
            await self._turn_media(on)
        elif on == self.is_on(switch):
            return
        elif on:
            await self._tab.scripts.remove(self._hiding.pop(switch))
        else:
            script = f"{{{_HIDE[switch.removesuffix('_enabled')]}}}"
            self._hiding[switch] = await self._tab.scripts.add(script)
            await self._tab.document.evaluate(f"{script} undefined")

    async def _turn_media(self, on: bool) -> None:
        await self._tab.interception.set_media(on)
        if on == self._media:
            return
        self._media = on
        if not on:
            await self._tab.scripts.put_back("html5_media")
            await self._tab.document.evaluate(f"{HIDE_MEDIA} undefined")
            return
        await self._tab.scripts.leave_out("html5_media")
        if not self._tab.load.url:
            await self._tab.document.evaluate(f"{_SHOW_MEDIA} undefined")
