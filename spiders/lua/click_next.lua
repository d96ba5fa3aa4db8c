-- Clicks args.next_button until it is gone or disabled, and returns the page before each click.
-- A click has worked when the text of args.next_changes (by default of args.wait_for) is another one.
-- In addition to the pages it returns:
--   stopped_after   the number of pages, if args.max_pages stopped it and the button can still be clicked
--   without_button  true if the first page has no button
--   click           if no page followed a click: the number of its page, and the problem: the text was missing ("none"),
--                   "empty" or the "same", or args.wait_for did not appear ("gone")

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

-- Returns the button's state: "none", "disabled" or "there". Clicks it if `press` is true.
local BUTTON = [[
function (what, press) {
  var button = /^(\/|\.\/|\()/.test(what)
    ? document.evaluate(what, document, null, 9, null).singleNodeValue
    : document.querySelector(what);
  if (!button) { return 'none'; }
  // Bootstrap, DataTables and others disable the button, or the item of a list around it, by a class.
  var off = [button, button.parentElement].some(function (node) {
    return node && (node.getAttribute('aria-disabled') === 'true' ||
      /(^|[\s-])disabled(\s|$)/.test(node.className) && !/not-disabled/.test(node.className));
  });
  if (button.disabled || off) { return 'disabled'; }
  if (press) { button.click(); }
  return 'there';
}
]]

-- Returns why no other page followed the click.
local function problem_of(page, before, now, changes)
  if now ~= before then return "gone" end
  if page.count(changes, true) == 0 then return "none" end
  return string.find(now, "%S") and "same" or "empty"
end

function main(splash, args)
  local page = open(splash, args)
  if not prepare(page) then return result_of(page, false) end
  local state, button = splash:jsfunc(STATE), splash:jsfunc(BUTTON)
  local changes = args.next_changes or args.wait_for
  local pages = {}
  local stopped_after, without_button
  while true do
    pages[#pages + 1] = take(page)
    if #pages >= args.max_pages then
      if button(args.next_button, false) == "there" then stopped_after = #pages end
      break
    end
    local before = state(changes)
    follow(page)
    local found = button(args.next_button, true)
    if found ~= "there" then
      without_button = #pages == 1 and found == "none"
      break
    end
    local deadline = page.waited + args.wait_timeout
    while look(page, args.wait_for, deadline) <= 0 or state(changes) == before do
      if failed(page) or page.waited >= deadline then
        local problem = problem_of(page, before, state(changes), changes)
        return result_of(page, false, {pages = treat.as_array(pages), click = {page = #pages, problem = problem}})
      end
      tick(page)
    end
  end
  return result_of(page, true, {
    html = pages[1], pages = treat.as_array(pages), stopped_after = stopped_after, without_button = without_button
  })
end
