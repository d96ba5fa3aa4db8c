"""The console messages of a client's script while it runs, as Splash returns them; not those of the page itself."""

from __future__ import annotations

import json
from typing import Any

from renderer.chromium.cdp import Params
from renderer.tab.tab import Tab

MAX_MESSAGES = 1000

# A console for the script alone. Of each message it saves the first value, as text. Splash's console knew only ``log``.
# The messages are returned even if the script throws an error.
_LISTENING = """(() => {
  const { console } = self, said = [];
  const say = value => {
    if (said.length < MAX_MESSAGES) said.push(value === null || value === undefined ? '' : String(value));
  };
  self.console = Object.create(console);
  for (const kind of ['log', 'info', 'warn', 'error', 'debug']) self.console[kind] = say;
  try { return { said, value: (0, eval)(SOURCE) } }
  catch (thrown) { return { said } }
  finally { self.console = console }
})()""".replace("MAX_MESSAGES", str(MAX_MESSAGES))


async def run_and_listen(tab: Tab, source: str) -> tuple[Params, list[str]]:
    """Run JavaScript as ``Document.run_script`` does; return CDP's description of its value, and its messages."""
    both = await tab.document.run_script(_LISTENING.replace("SOURCE", json.dumps(source), 1))
    said = await _part(tab, both, "said", returnByValue=True)
    return await _part(tab, both, "value"), said["value"]


async def _part(tab: Tab, both: Params, name: str, **how: Any) -> Params:
    parameters = {"objectId": both["objectId"], "functionDeclaration": f"function() {{ return this.{name} }}"}
    answer = await tab.session.call("Runtime.callFunctionOn", parameters | how)
    result: Params = answer["result"]
    return result
