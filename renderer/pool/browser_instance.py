"""BrowserInstance: one Chromium process of the pool, with its tabs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from renderer.chromium.process import ChromiumProcess
from renderer.chromium.watchdog import Watchdog
from renderer.tab.tab import Tab

# The memory of Chromium itself grows by some 2 KB with every render and by 40 KB with every tab, also after the tab is
# closed. Its start costs half a second, which is a few milliseconds for each of so many tabs.
MAX_RENDERS_PER_CHROMIUM = 5000
MAX_TABS_PER_CHROMIUM = 250
MAX_CHROMIUM_AGE = 3600.0  # seconds


@dataclass(kw_only=True, eq=False)
class BrowserInstance:
    """A Chromium process, from its start to its end. It may have a successor while its last renders run."""

    process: ChromiumProcess
    loads_images: bool
    since: float = field(default_factory=time.monotonic)
    idle: list[Tab] = field(default_factory=list)
    lent: int = 0
    renders: int = 0
    tabs: int = 0  # number of tabs that were opened
    is_ending: bool = False  # the pool ends it
    watchdog: Watchdog = field(init=False)

    @property
    def needs_replacement(self) -> bool:
        """Whether it has reached its maximum of renders, tabs or age."""
        age = time.monotonic() - self.since
        if self.renders >= MAX_RENDERS_PER_CHROMIUM or self.tabs >= MAX_TABS_PER_CHROMIUM:
            return True
        return self.renders > 0 and age > MAX_CHROMIUM_AGE

    @property
    def is_gone(self) -> bool:
        return self.process.exited.is_set() or self.process.connection.browser.is_gone
