"""What the client's script writes to the console while it runs, as Splash tells it: not what the page itself writes."""

from __future__ import annotations

import json
from typing import Any

from renderer.cdp import Params
from renderer.tab import Tab

MAX_MESSAGES = 1000

# A console that is there for the script alone. Of each message the first value is told, as a text; Splash's knew only
# ``log``. What the script throws is kept as well, for what it wrote before is wanted all the same.
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
    """Run JavaScript as ``Tab.run_script`` does; gives CDP's description of its value, and its messages."""
    both = await tab.run_script(_LISTENING.replace("SOURCE", json.dumps(source), 1))
    said = await _part(tab, both, "said", returnByValue=True)
    return await _part(tab, both, "value"), said["value"]


async def _part(tab: Tab, both: Params, name: str, **how: Any) -> Params:
    parameters = {"objectId": both["objectId"], "functionDeclaration": f"function() {{ return this.{name} }}"}
    answer = await tab.session.call("Runtime.callFunctionOn", parameters | how)
    result: Params = answer["result"]
    return result
