-- The functions that all render scripts share: open a page, look for an element, make the result.
-- Runs on Splash 3.5 and on our own renderer, so it uses only functions of both (Splash's sandbox has no metatables).

local treat = require("treat")

-- Functions of the page that the functions below share. `find` returns the nodes of an XPath (it begins with "/", "./" or
-- "(") or a CSS selector; for an XPath that is no set of nodes, one `true` if it is true, not 0 or not empty. If SHADOWS
-- is true, it finds them in a copy of the page that has its open shadow roots as <template> elements, as the HTML of the
-- page has them; the nodes that it returns are those of the page.
local FIND = [[
  var originals;
  function copyOf(node, owner) {
    var copy = owner.importNode(node, false), inner;
    originals.set(copy, node);
    if (node.shadowRoot) {
      inner = copy.appendChild(owner.createElement('template'));
      inner.setAttribute('shadowrootmode', 'open');
      node.shadowRoot.childNodes.forEach(function (child) { inner.appendChild(copyOf(child, owner)); });
    }
    node.childNodes.forEach(function (child) { copy.appendChild(copyOf(child, owner)); });
    return copy;
  }
  function page() {
    if (!SHADOWS || !document.documentElement) { return document; }
    var owner = document.implementation.createHTMLDocument('');
    originals = new Map();
    owner.replaceChild(copyOf(document.documentElement, owner), owner.documentElement);
    return owner;
  }
  function isXPath(what) { return /^(\/|\.\/|\()/.test(what); }
  function find(what) {
    var root = page(), nodes = [], found, node;
    if (isXPath(what)) {
      found = root.evaluate(what, root, null, 0, null);
      if (found.resultType === 1) { return found.numberValue ? [true] : []; }
      if (found.resultType === 2) { return found.stringValue ? [true] : []; }
      if (found.resultType === 3) { return found.booleanValue ? [true] : []; }
      while ((node = found.iterateNext())) { nodes.push(node); }
    } else {
      nodes = Array.prototype.slice.call(root.querySelectorAll(what));
    }
    return SHADOWS ? nodes.map(function (node) { return originals.get(node) || node; }) : nodes;
  }
]]

-- Returns the number of nodes of a selector. Returns -2 on the blank page before ours, and -1 while the browser still
-- reads the document, because more such nodes may follow; with `unread` it counts in such a document too.
local LOOK = [[
  if (document.URL === 'about:blank') { return -2; }
  if (document.readyState === 'loading' && !unread) { return -1; }
  return find(what).length;
]]

-- Returns a text that changes each time more of the document has come.
local SIZE = [[
function () {
  var last = document;
  while (last.lastChild) { last = last.lastChild; }
  return performance.timing.navigationStart + ' ' + document.getElementsByTagName('*').length + ' '
    + (last.data || '').length;
}
]]

-- Returns a number that identifies the document; negative while the browser reads it.
local DOCUMENT = [[
function () {
  return document.readyState === 'loading' ? -performance.timing.navigationStart : performance.timing.navigationStart;
}
]]

local TICK = 0.02  -- seconds between two looks
local FIRST, FIRST_TICK = 20, 0.005  -- the number of the first looks at a new document, and the seconds between them
local STALL = 1.0  -- seconds without a new part of a document, after which it is accepted without its end

-- Returns a function of the page that may call the functions of FIND.
local function finder(page, parameters, body)
  local shadows = page.shadow_roots and "true" or "false"
  return page.splash:jsfunc("function (" .. parameters .. ") { var SHADOWS = " .. shadows .. ";" .. FIND .. body .. "}")
end

-- Starts to load args.url. Does not wait for the load event, which may never come on a page with a slow resource.
local function open(splash, args)
  local page = {splash = splash, args = args, waited = 0, loaded = false, documents = {}, first_looks = 0}
  page.shadow_roots = args.shadow_roots == 1
  local headers = args.headers or {}
  for name, value in pairs(headers) do
    if string.lower(name) == "user-agent" then splash:set_user_agent(value) end
  end
  splash.images_enabled = args.images == 1
  splash:init_cookies(args.cookies or {})
  restore_storage(splash, args)
  splash.response_body_enabled = true  -- of the document: its end shows whether it is complete
  page.count = finder(page, "what, unread", LOOK)
  page.size, page.document = splash:jsfunc(SIZE), splash:jsfunc(DOCUMENT)
  if page.shadow_roots and not splash.wait_for then
    page.not_supported, page.loaded, page.ok = "shadow_roots", true, false
    return page
  end
  splash:call_later(function()
    page.ok, page.reason = splash:go{
      args.url, headers = headers, http_method = args.http_method, body = args.body
    }
    page.loaded = true
  end, 0)
  return page
end

-- Returns true if the page cannot come any more: it was not loaded, or its answer was an error.
local function failed(page)
  return page.loaded and not page.ok
end

-- Lets the page run for one tick. A page after a click or a form may fail like the first one.
local function tick(page)
  local seconds = TICK
  if page.reading and page.first_looks < FIRST then
    page.first_looks, seconds = page.first_looks + 1, FIRST_TICK
  end
  local ok, reason = page.splash:wait(seconds)
  if not ok and page.loaded and page.ok and (reason == "render_error" or reason == "network2") then
    page.ok, page.reason = false, reason
  end
  page.waited = page.waited + seconds
end

-- Returns whether a document of ours is there. While Chromium waits for the first answer of a site, it does not run
-- JavaScript either, so our renderer is not asked for any.
local function is_there(page)
  if page.splash.wait_for and #page.splash:history() == 0 then return false end
  return page.count("*", true) > -2
end

-- Returns the number of `what` on a document that was read to its end, or of which nothing more has come for STALL
-- seconds; less than 0 while the browser reads it. At the deadline the document is accepted without its end.
local function look(page, what, deadline)
  if not page.is_there and page.splash.wait_for and #page.splash:history() == 0 then return -2 end
  local found = page.count(what)
  page.reading, page.is_there = found == -1, found > -2
  if found > -2 and not page.followed then page.splash.response_body_enabled = false end
  if found >= 0 then
    page.size_seen = nil
    return found
  end
  if page.waited < deadline then
    if page.size_seen and page.waited < page.size_seen_at + STALL then return found end
    local before = page.size_seen
    page.size_seen, page.size_seen_at = page.size(), page.waited
    if page.size_seen ~= before then return found end
  end
  return page.count(what, true)
end

-- Lets the page run until `what` is on it, or for one tick where the renderer cannot wait for an element (Splash).
-- Returns true if `what` is on a document that did not end.
local function pause(page, what, deadline)
  if not page.splash.wait_for or not page.is_there then
    tick(page)
    return false
  end
  local before = page.splash:get_perf_stats().walltime
  local ok, reason = page.splash:wait_for{
    what, timeout = deadline - page.waited, shadow_roots = page.shadow_roots
  }
  page.waited = page.waited + page.splash:get_perf_stats().walltime - before
  if not ok then tick(page) end  -- splash:go returns why the page failed
  return ok and reason == "incomplete"
end

-- Waits until `what` is on the page. Returns false at the deadline, or if the page has failed.
local function wait_until(page, what, deadline)
  while look(page, what, deadline) <= 0 do
    if failed(page) or page.waited >= deadline then return false end
    if pause(page, what, deadline) then return true end
  end
  return true
end

-- Waits for args.wait_for, or for the load event if there is none.
local function wait(page)
  if page.args.wait_for then return wait_until(page, page.args.wait_for, page.args.wait_timeout) end
  while not page.loaded and page.waited < page.args.wait_timeout do tick(page) end
  return page.loaded
end

-- Prepares for another document. Call it before a click or before a form is sent.
local function follow(page)
  page.followed = true
  page.splash.response_body_enabled = true
end

-- Returns the HTTP answer of the document, with what shows whether it is complete.
local function answer_of(page)
  local answer, response
  for _ = 1, 25 do
    local entries = page.splash:history()
    if #entries == 0 then return nil end
    response = entries[#entries].response
    local text = response.content.text or ""  -- base64, in fours
    answer = {
      ok = response.ok, status = response.status, size = response.bodySize, version = response.httpVersion,
      start = string.sub(text, 1, 800), tail = string.sub(text, -400), webkit = page.splash:get_version().webkit
    }
    for _, header in ipairs(response.headers) do
      local name = string.lower(header.name)
      if name == "content-length" or name == "content-encoding" or name == "transfer-encoding" then
        answer[name] = header.value
      end
    end
    local counted = answer["content-length"] or answer["transfer-encoding"]
    if text ~= "" or counted and not answer["content-encoding"] or not response.ok or answer.size <= 0 then break end
    page.splash:wait(0.01)  -- our renderer gets the body when all of it is there
  end
  return answer, response
end

-- Returns the HTML of one document, and adds the answer of that document to page.documents.
local function take(page)
  local html
  local document = page.document()
  for _ = 1, 10 do
    local before = document
    html = page.shadow_roots and page.splash.wait_for and page.splash:html{shadow_roots = true} or page.splash:html()
    document = page.document()
    if before == document or before == -document then
      if math.abs(before) ~= page.taken then
        local answer, response = answer_of(page)
        page.documents[#page.documents + 1] = answer
        page.taken, page.response = math.abs(before), response
      end
      if before < 0 then page.cut = true end
      return html
    end
  end
  page.cut = true
  return html
end

-- Returns the result for the spider. Reasons that begin with "http" are answers of the site, with their own status.
local function result_of(page, appeared, more)
  local splash, result = page.splash, more or {}
  local unanswered = not page.loaded and not is_there(page)
  if unanswered then splash:stop() end
  result.html = result.html or take(page)
  -- If the site did not answer, the page may be a notice of Splash, which appears before splash:go returns.
  local deadline = page.waited + STALL
  while not page.response and not page.loaded and page.waited < deadline do tick(page) end
  result.cut = page.cut == true
  result.documents = treat.as_array(page.documents)
  local last = page.response
  result.appeared, result.step, result.not_supported = appeared, page.step, page.not_supported
  local notice = last and last.status == 0  -- then the page is the renderer's own notice
  if unanswered then
    result.render_error = "no answer"
  elseif notice or failed(page) and string.sub(page.reason or "", 1, 4) ~= "http" then
    result.render_error = page.reason or "the site did not answer"
  elseif last then
    -- 304 is the site's answer to Splash, which then shows the page that it has in its cache.
    result.http_status = last.status == 304 and appeared and 200 or last.status
    result.headers = last.headers
  end
  result.url = splash:url()
  result.cookies = splash:get_cookies()
  if appeared and page.args.screenshot == 1 then result.screenshot = splash:png{render_all = true} end
  if appeared then result.auth_storage = storage_of(splash, page.args) end
  return result
end
