-- What happens on a page before it is read: elements are clicked, and then args.wait_for has to be on it.
--   args.dismiss  selectors of elements that may appear, as the button of a cookie banner: each is clicked when it is
--                 visible, and no error if it never is
--   args.click    selectors of elements that are clicked in their order
--   args.quiet    seconds without a request in flight, after all that
-- If a step fails, page.step says which one, and the result has it:
--   selector  the element to click, or the last one that was clicked
--   number    its number in args.click
--   problem   "none" (the element is not on the page), "disabled", "gone" (args.wait_for did not appear), "same"
--             (args.wait_for was there before the click, and the click did not change it) or "busy" (a request was in
--             flight; `url` is that of one)
--   changed   whether the page is another one than before the last click

-- A text that changes with the elements of `what`, or with the page if there is no `what`.
local STATE = [[
  function state(what) {
    var text = String(performance.timing.navigationStart), number = 0, root;
    if (what) {
      find(what).forEach(function (node) {
        text += '\n' + (node.outerHTML || node.nodeValue);
        if (node.getClientRects && node.getClientRects().length) { text += ' is visible'; }
      });
    } else {
      root = page().documentElement;
      text += document.URL + (root ? root.outerHTML : '');
    }
    for (var at = 0; at < text.length; at += 1) { number = (number * 31 + text.charCodeAt(at)) | 0; }
    return text.length + ' ' + number;
  }
]]

-- Clicks the first such element that is visible or, unless `visible` is true, the first one. Returns `found`: "none",
-- "hidden", "disabled" or "clicked"; after a click also the states of the page and of `wait_for` before it.
local PRESS = STATE .. [[
  var found = find(what).filter(function (node) { return node.nodeType === 1; });
  if (!found.length) { return {found: 'none'}; }
  var seen = found.filter(function (node) { return node.getClientRects().length; });
  if (visible && !seen.length) { return {found: 'hidden'}; }
  var target = seen[0] || found[0];
  if (target.disabled || target.getAttribute('aria-disabled') === 'true') { return {found: 'disabled'}; }
  var result = {found: 'clicked', page: state()};
  if (wait_for && find(wait_for).length) { result.wait_for = state(wait_for); }
  function fire(kind) {
    var event = document.createEvent('MouseEvents');
    event.initMouseEvent(kind, true, true, window, 1, 0, 0, 0, 0, false, false, false, false, 0, null);
    target.dispatchEvent(event);
  }
  ['pointerdown', 'mousedown', 'pointerup', 'mouseup'].forEach(fire);  // some tabs open at the first of them
  if (target.click) { target.click(); } else { fire('click'); }
  return result;
]]

local LOAD_PATIENCE = 2.0  -- seconds that the first click waits for the load event; before it, scripts may not listen

-- Clicks what has appeared of args.dismiss. Returns whether it clicked something.
local function dismiss(page)
  local clicked = false
  for index, what in ipairs(page.args.dismiss or {}) do
    if not page.dismissed[index] and page.count(what) > 0 and page.press(what, true).found == "clicked" then
      page.dismissed[index], page.to_dismiss, clicked = true, page.to_dismiss - 1, true
      follow(page)
    end
  end
  return clicked
end

-- Waits until `is_there(deadline)` is true. Returns false at the deadline, or if the page has failed.
local function watch(page, what, is_there)
  local deadline = page.waited + page.args.wait_timeout
  while true do
    local clicked = page.to_dismiss > 0 and dismiss(page)
    if not clicked and is_there(deadline) then return true end
    if failed(page) or page.waited >= deadline then return false end
    if not what or page.to_dismiss > 0 then
      tick(page)
    elseif pause(page, what, deadline) then
      return true
    end
  end
end

-- Returns whether args.wait_for is on the page and another one than before a click.
local function has_followed(page, before, deadline)
  local wait_for = page.args.wait_for
  if not wait_for then return page.loaded or page.args.quiet and look(page, "*", deadline) > 0 end
  return look(page, wait_for, deadline) > 0 and (not before.wait_for or page.state(wait_for) ~= before.wait_for)
end

-- Returns the failure of a step whose click with this number args.wait_for did not follow.
local function without_effect(page, number, before)
  return {
    selector = page.args.click[number], number = number, problem = before.wait_for and "same" or "gone",
    changed = page.state() ~= before.page
  }
end

-- Clicks the element of args.click with this number, as soon as it is there; the same one a second time when the first
-- click had an effect. Returns the states before the click; nil if there was none, and page.step says why.
local function click(page, number, before)
  local what, pressed = page.args.click[number], {found = "none"}
  local again = what == page.args.click[number - 1]
  local done = watch(page, nil, function(deadline)
    if look(page, what, deadline) <= 0 then return false end
    if number == 1 and not page.loaded then
      page.load_deadline = page.load_deadline or page.waited + math.min(LOAD_PATIENCE, page.args.wait_timeout / 2)
      if page.waited < page.load_deadline then return false end
    end
    if again and not has_followed(page, before, deadline) then
      pressed = {found = "before"}
      return false
    end
    follow(page)
    pressed = page.press(what, false, page.args.wait_for)
    return pressed.found == "clicked"
  end)
  if done then return pressed end
  if pressed.found == "before" then
    page.step = without_effect(page, number - 1, before)
  else
    page.step = {selector = what, number = number, problem = pressed.found}
  end
end

-- Returns the URL of a request that is in flight, and the number of requests (Splash only).
local function in_flight(splash)
  local entries, url = splash:har().log.entries, nil
  for _, entry in ipairs(entries) do
    if entry._splash_processing_state ~= "finished" then url = entry.request.url end
  end
  return url, #entries
end

-- Waits until no request has been in flight for args.quiet seconds. Returns false after args.wait_timeout.
local function settle(page)
  local splash, args = page.splash, page.args
  if not args.quiet then return true end
  local ok, reason, url, number
  if splash.wait_for_quiet then
    local before = splash:get_perf_stats().walltime
    ok, reason, url = splash:wait_for_quiet{args.quiet, timeout = args.wait_timeout}
    page.waited = page.waited + splash:get_perf_stats().walltime - before
  else
    local deadline, since, last = page.waited + args.wait_timeout, page.waited, nil
    while not ok and page.waited < deadline do
      tick(page)
      local busy, count = in_flight(splash)
      if busy or count ~= number then since, number, last = page.waited, count, busy or last end
      ok = page.waited - since >= args.quiet
    end
    url = last
  end
  if not ok then page.step = {problem = "busy", url = url} end
  return ok == true
end

-- Does all steps, and waits for args.wait_for and for a quiet network. Returns false if one failed.
local function prepare(page)
  local args = page.args
  local clicks = args.click and #args.click or 0
  page.to_dismiss, page.dismissed = args.dismiss and #args.dismiss or 0, {}
  if clicks == 0 and page.to_dismiss == 0 then
    if not args.wait_for and args.quiet then  -- an unfinished request may keep the load event from coming
      return wait_until(page, "*", args.wait_timeout) and settle(page)
    end
    return wait(page) and settle(page)
  end
  page.press = finder(page, "what, visible, wait_for", PRESS)
  page.state = finder(page, "what", STATE .. "return state(what);")
  local before = {}
  for number = 1, clicks do
    before = click(page, number, before)
    if not before then return false end
  end
  local found = watch(page, not before.wait_for and args.wait_for or nil, function(deadline)
    return has_followed(page, before, deadline)
  end)
  if not found and clicks > 0 then page.step = without_effect(page, clicks, before) end
  return found and settle(page)
end
