-- Clicks args.next_button until it is gone or disabled, and returns the page as it was before each click.
-- A click has worked when the text of args.next_changes (by default what was waited for) is another one.

local treat = require("treat")

local STATE = [[
function (what) {
  function all(what) {
    if (!/^(\/|\.\/|\()/.test(what)) { return document.querySelectorAll(what); }
    var found = document.evaluate(what, document, null, 5, null), nodes = [], node;
    while ((node = found.iterateNext())) { nodes.push(node); }
    return nodes;
  }
  return Array.prototype.map.call(all(what), function (node) { return node.textContent; }).join('\n');
}
]]

local CLICK = [[
function (what) {
  var button = /^(\/|\.\/|\()/.test(what)
    ? document.evaluate(what, document, null, 9, null).singleNodeValue
    : document.querySelector(what);
  if (!button || button.disabled || button.getAttribute('aria-disabled') === 'true') { return false; }
  button.click();
  return true;
}
]]

function main(splash, args)
  local page = open(splash, args)
  if not wait(page) then return result_of(page, false) end
  local state, click = splash:jsfunc(STATE), splash:jsfunc(CLICK)
  local changes = args.next_changes or args.wait_for
  local pages = {}
  while true do
    pages[#pages + 1] = splash:html()
    if #pages >= args.max_pages then break end
    local before = state(changes)
    if not click(args.next_button) then break end
    local deadline = page.waited + args.wait_timeout
    while state(changes) == before or page.count(args.wait_for) == 0 do
      if page.waited >= deadline then return result_of(page, false, {pages = treat.as_array(pages)}) end
      tick(page)
    end
  end
  return result_of(page, true, {html = pages[1], pages = treat.as_array(pages)})
end
