-- case: stop, and the script goes on
splash:stop()
return "went on"

-- case: stop while a page loads, in a timer
-- differs: makes a `go` that waits come back
-- ours: {"status": 200, "body": {"title": "A", "ok": true, "reason": "nil"}}
-- arguments: {"timeout": 2}
local timer = splash:call_later(function() splash:stop() end, 0.4)
local ok, reason = splash:go(args.site .. "/slow-image")
return {ok = ok or "nil", reason = reason or "nil", title = splash:select("h1"):text()}

-- case: stop after a page has loaded
assert(splash:go(args.site .. "/"))
splash:stop()
return splash:select("h1"):text()

-- case: stop keeps what has come of a page
-- differs: makes a `go` that waits come back
-- ours: {"status": 200, "body": {"html": "<!DOCTYPE html><html><head><title>Slow script</title></head><body><h1>A</h1><script src=\"/hang.js\"></script></body></html>", "ok": true, "reason": "nil"}}
-- arguments: {"timeout": 2}
splash:call_later(function() splash:stop() end, 0.4)
local ok, reason = splash:go(args.site .. "/slow-script")
return {ok = ok or "nil", reason = reason or "nil", html = splash:html()}

-- case: stop ends a redirect that is planned
assert(splash:go(args.site .. "/redirects-by-script"))
splash:stop()
splash:wait(0.3)
return splash:url()

-- case: stop in on_response
-- differs: makes a `go` that waits come back
-- ours: {"status": 200, "body": {"title": "Image"}}
-- arguments: {"timeout": 2}
local seen = {}
splash:on_response(function(response)
  seen[#seen + 1] = response.url
  splash:stop()
end)
splash:go(args.site .. "/image")
return {title = splash:evaljs("document.title")}

-- case: go after stop
splash:stop()
local ok = splash:go(args.site .. "/second")
return {ok = ok, title = splash:evaljs("document.title")}

-- case: stop before the page has begun to come
-- differs: makes a `go` that waits come back
-- ours: {"status": 200, "body": {"html": "<html><head><title>Failed loading page</title></head>\n                <body>\n                    <h1>Failed loading page (Operation canceled)</h1>\n                    <h2>SITE/hang</h2>\n                    <p>Network error #5</p>\n                </body></html>", "url": "SITE/hang", "ok": "nil", "reason": "network5"}}
-- arguments: {"timeout": 2}
splash:call_later(function() splash:stop() end, 0.3)
local ok, reason = splash:go(args.site .. "/hang")
return {ok = ok or "nil", reason = reason or "nil", url = splash:url(), html = splash:html()}

-- case: stop returns nothing
return {value = splash:stop() or "nil"}

-- case: stop ends a refresh that is planned
-- differs: a refresh that the page planned
-- ours: {"status": 200, "body": "<html><head><meta http-equiv=\"refresh\" content=\"1; url=SITE/second\"></head><body><p>here</p></body></html>"}
splash:set_content("<meta http-equiv=refresh content='1; url=" .. args.site .. "/second'><p>here</p>")
splash:stop()
splash:wait(3)
return splash:html()
