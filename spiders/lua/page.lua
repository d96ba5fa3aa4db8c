-- What every render script shares: open a page, look for an element, say how it went.
-- Runs on Splash 3.5 and on our own renderer, so it uses only what both have (Splash's sandbox has no metatables).

-- Looks for an XPath (it begins with "/", "./" or "(") or a CSS selector; an XPath that is not a set of nodes
-- counts when it is true, not 0 or not empty. Never true on the blank page that comes before ours.
local LOOK = [[
function (what) {
  if (document.URL === 'about:blank') { return 0; }
  if (!/^(\/|\.\/|\()/.test(what)) { return document.querySelectorAll(what).length; }
  var found = document.evaluate(what, document, null, 0, null), count = 0;
  if (found.resultType === 1) { return found.numberValue ? 1 : 0; }
  if (found.resultType === 2) { return found.stringValue ? 1 : 0; }
  if (found.resultType === 3) { return found.booleanValue ? 1 : 0; }
  while (found.iterateNext()) { count += 1; }
  return count;
}
]]

local TICK = 0.02  -- seconds between two looks

-- Starts to load args.url. Does not wait for the load event, which a page with a slow tail never has.
local function open(splash, args)
  local page = {splash = splash, args = args, waited = 0, loaded = false}
  local headers = args.headers or {}
  for name, value in pairs(headers) do
    if string.lower(name) == "user-agent" then splash:set_user_agent(value) end
  end
  splash.images_enabled = args.images == 1
  splash:init_cookies(args.cookies or {})
  page.count = splash:jsfunc(LOOK)
  splash:call_later(function()
    page.ok, page.reason = splash:go{
      args.url, headers = headers, http_method = args.http_method, body = args.body
    }
    page.loaded = true
  end, 0)
  return page
end

-- True where the page cannot come any more: it was not loaded, or its answer was an error.
local function failed(page)
  return page.loaded and not page.ok
end

-- Lets the page work for a moment.
local function tick(page)
  page.splash:wait(TICK)
  page.waited = page.waited + TICK
end

-- Waits until `what` is on the page; false when args.wait_timeout is over or the page has failed.
local function wait_until(page, what)
  while page.count(what) == 0 do
    if failed(page) or page.waited >= page.args.wait_timeout then return false end
    tick(page)
  end
  return true
end

-- Waits for what the request named, or for the load event where it named nothing.
local function wait(page)
  if page.args.wait_for then return wait_until(page, page.args.wait_for) end
  while not page.loaded and page.waited < page.args.wait_timeout do tick(page) end
  return page.loaded
end

-- What the spider gets. Reasons that begin with "http" are answers of the site, with a status of their own.
local function result_of(page, appeared, more)
  local splash, result = page.splash, more or {}
  local entries = splash:history()
  local last = entries[#entries]
  result.appeared = appeared
  local unanswered = last and last.response.status == 0  -- what is on the page then is the renderer's own notice
  if unanswered or failed(page) and string.sub(page.reason or "", 1, 4) ~= "http" then
    result.render_error = page.reason or "the site did not answer"
  elseif last then
    result.http_status = last.response.status
    result.headers = last.response.headers
  end
  result.url = splash:url()
  result.html = result.html or splash:html()
  result.cookies = splash:get_cookies()
  return result
end
