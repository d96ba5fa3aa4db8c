-- case: an element that comes later
splash:go(args.site .. "/late")
local n = 0
while not splash:select(".ready") and n < 40 do
  splash:wait(0.05)
  n = n + 1
end
return {splash:select(".ready"):text(), n > 0}

-- case: wait returns true
return {splash:wait(0)}

-- case: wait with text for a number
return {splash:wait("0.1")}

-- case: wait with a wrong value
-- differs: Python's own
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "SPLASH_LUA_ERROR", "message": "[string \"function main(splash, args) splash:wait(\"abc\"...\"]:1: splash:wait() time must be a number", "argument": "time", "splash_method": "wait", "source": "[string \"function main(splash, args) splash:wait(\"abc\"...\"]", "line_number": 1, "error": "splash:wait() time must be a number"}}}
splash:wait("abc")
return "never"

-- case: wait below 0
splash:wait(-1)
return "never"

-- case: wait without a value
-- differs: Python's own
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "SPLASH_LUA_ERROR", "message": "[string \"function main(splash, args) splash:wait()...\"]:1: wait() missing 1 required positional argument: time", "splash_method": "wait", "argument": "time", "source": "[string \"function main(splash, args) splash:wait()...\"]", "line_number": 1, "error": "wait() missing 1 required positional argument: time"}}}
splash:wait()
return "never"

-- case: cancel_on_redirect
splash:go(args.site .. "/redirects-by-script")
local ok, reason = splash:wait{1, cancel_on_redirect=true}
return {ok = ok or "nil", reason = reason or "nil"}

-- case: a redirect while waiting
splash:go(args.site .. "/redirects-by-script")
local ok = splash:wait(0.5)
return {ok, splash:url()}

-- case: a redirect by meta
splash:go(args.site .. "/redirects-by-meta")
splash:wait(0.3)
return splash:url()

-- case: scrolling down
splash:set_viewport_size(800, 600)
splash:go(args.site .. "/infinite")
local scroll_to = splash:jsfunc("window.scrollTo")
local height = splash:jsfunc("function () { return document.body.scrollHeight }")
for _ = 1, 6 do
  scroll_to(0, height())
  splash:wait(0.2)
end
return #splash:select_all("li")

-- case: scroll_position
splash:go(args.site .. "/tall")
splash.scroll_position = {y = 300}
local a = splash.scroll_position
splash.scroll_position = {x = 0, y = 100}
return {a, splash.scroll_position}

-- case: scroll_position as a list
splash:go(args.site .. "/tall")
splash.scroll_position = {0, 50}
return splash.scroll_position

-- case: with_timeout in time
local ok, result = splash:with_timeout(function() splash:wait(0.05) return "done" end, 1)
return {ok, result}

-- case: with_timeout too late
local ok, result = splash:with_timeout(function() splash:wait(1) return "done" end, 0.2)
return {ok = ok or "nil", result = result}

-- case: with_timeout with an error
local ok, result = splash:with_timeout(function() error("inside") end, 1)
return {ok = ok or "nil", result = result}

-- case: with_timeout with several values
return {splash:with_timeout(function() return 1, 2, 3 end, 1)}

-- case: with_timeout and go
local ok, result = splash:with_timeout(function() return splash:go(args.site .. "/slow?seconds=2") end, 0.3)
return {ok = ok or "nil", result = tostring(result)}

-- case: with_timeout without a function
splash:with_timeout(5, 1)
return "never"

-- case: call_later
local seen = {}
splash:call_later(function() seen[#seen + 1] = "b" end, 0.2)
splash:call_later(function() seen[#seen + 1] = "a" end, 0.1)
splash:wait(0.4)
return seen

-- case: call_later that is cancelled
local seen = "no"
local timer = splash:call_later(function() seen = "yes" end, 0.1)
local pending = timer:is_pending()
timer:cancel()
splash:wait(0.3)
return {seen, pending, timer:is_pending()}

-- case: call_later with an error
-- differs: Python's own
-- ours: {"status": 200, "body": {"1": false, "2": "[string \"function main(splash, args) local timer = spl...\"]:3: in a timer"}}
local timer = splash:call_later(function() error("in a timer") end, 0.05)
splash:wait(0.2)
local ok, err = pcall(timer.reraise, timer)
return {ok, tostring(err)}

-- case: call_later with an error that nobody looks at
splash:call_later(function() error("in a timer") end, 0.05)
splash:wait(0.2)
return "fine"

-- case: call_later while a page loads
local shot
splash:call_later(function() shot = splash:evaljs("document.readyState") end, 0.5)
splash:go(args.site .. "/slow-picture")
return shot

-- case: call_later below 0
splash:call_later(function() end, -1)
return "never"

-- case: call_later without a function
splash:call_later("x", 1)
return "never"

-- case: lock_navigation
splash:go(args.site .. "/link")
splash:lock_navigation()
splash:select("#a"):mouse_click()
splash:wait(0.3)
local locked = splash:url()
splash:unlock_navigation()
splash:select("#a"):mouse_click()
splash:wait(0.3)
return {locked, splash:url()}

-- case: on_navigation_locked
-- differs: knows the method
-- ours: {"status": 200, "body": {"1": {"1": "SITE/second", "2": "GET"}}}
splash:go(args.site .. "/link")
local seen = {}
splash:on_navigation_locked(function(request) seen[#seen + 1] = {request.url, request.method} end)
splash:lock_navigation()
splash:select("#a"):mouse_click()
splash:wait(0.3)
return seen

-- case: go while navigation is locked
splash:lock_navigation()
local ok, reason = splash:go(args.site .. "/")
return {ok = ok or "nil", reason = reason}

-- case: set_content
assert(splash:set_content("<html><head><title>T</title></head><body><p>own</p></body></html>"))
return {splash:evaljs("document.title"), splash:select("p"):text(), splash:url()}

-- case: set_content with pictures
splash:set_content{'<img id=i src="/pixel.gif">', mime_type="text/html; charset=utf-8", baseurl=args.site .. "/x/"}
splash:wait(0.2)
return {splash:evaljs("document.getElementById('i').src"), splash:evaljs("document.getElementById('i').complete")}

-- case: set_content of text
splash:set_content("a < b", "text/plain")
return splash:select("body"):text()

-- case: set_content of bytes
splash:set_content("\xc3\xbc", "text/html; charset=utf-8")
return splash:select("body"):text()

-- case: set_content in another encoding
-- differs: as `set_content` in another encoding
-- ours: {"status": 200, "body": "ü"}
splash:set_content("\xfc", "text/html; charset=iso-8859-1")
return splash:select("body"):text()

-- case: render.html with a wait
-- endpoint: /render.html
-- arguments: {"url": "{site}/late", "wait": 0.4}

-- case: render.html without a wait
-- endpoint: /render.html
-- arguments: {"url": "{site}/redirects-by-script"}
