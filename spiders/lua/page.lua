-- What every render script shares: open a page, look for an element, say how it went.
-- Runs on Splash 3.5 and on our own renderer, so it uses only what both have.

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

local Page = {}
Page.__index = Page

-- Starts to load args.url. Does not wait for the load event, which a page with a slow tail never has.
local function open(splash, args)
  local page = setmetatable({splash = splash, args = args, waited = 0, loaded = false}, Page)
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
function Page:failed()
  return self.loaded and not self.ok
end

-- Lets the page work for a moment.
function Page:tick()
  self.splash:wait(TICK)
  self.waited = self.waited + TICK
end

-- Waits until `what` is on the page; false when args.wait_timeout is over or the page has failed.
function Page:wait_until(what)
  while self.count(what) == 0 do
    if self:failed() or self.waited >= self.args.wait_timeout then return false end
    self:tick()
  end
  return true
end

-- Waits for what the request named, or for the load event where it named nothing.
function Page:wait()
  if self.args.wait_for then return self:wait_until(self.args.wait_for) end
  while not self.loaded and self.waited < self.args.wait_timeout do self:tick() end
  return self.loaded
end

-- What the spider gets. Reasons that begin with "http" are answers of the site, with a status of their own.
function Page:result(appeared, more)
  local splash, result = self.splash, more or {}
  local entries = splash:history()
  local last = entries[#entries]
  result.appeared = appeared
  if self:failed() and string.sub(self.reason or "", 1, 4) ~= "http" then
    result.render_error = self.reason or "unknown"
  elseif last then
    result.http_status = last.response.status
    result.headers = last.response.headers
  end
  result.url = splash:url()
  result.html = result.html or splash:html()
  result.cookies = splash:get_cookies()
  return result
end
