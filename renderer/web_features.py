"""Features of the web that a render can take away from its pages, each by a switch of Splash's."""

from __future__ import annotations

from renderer.tab import Tab

# Pages find out what a browser can do by looking for these names.
_HIDE = {
    "html5_media": """
      for (const name of ['HTMLVideoElement', 'HTMLAudioElement', 'HTMLMediaElement']) {
        const type = self[name];
        if (!type) continue;
        for (const key of Object.getOwnPropertyNames(type.prototype))
          if (key !== 'constructor') delete type.prototype[key];
        delete self[name];
      }
      delete self.Audio;""",
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
SWITCHES = tuple(f"{feature}_enabled" for feature in _HIDE)


class WebFeatures:
    """All are there until switched off. Off holds at once, on again from the next page; workers keep theirs."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self._hiding: dict[str, str] = {}  # switch -> the script that hides the feature

    def is_on(self, switch: str) -> bool:
        return switch not in self._hiding

    async def turn(self, switch: str, on: bool) -> None:
        """Turn one of ``SWITCHES`` on or off."""
        if on == self.is_on(switch):
            return
        if on:
            await self._tab.stop_running_before_scripts(self._hiding.pop(switch))
            return
        script = f"{{{_HIDE[switch.removesuffix('_enabled')]}}}"
        self._hiding[switch] = await self._tab.run_before_scripts(script)
        await self._tab.evaluate(f"{script} undefined")
