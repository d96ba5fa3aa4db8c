-- case: URL and HTML after a refused connection
local ok, reason = splash:go(args.closed .. "/page")
return {ok = ok or "nil", reason = reason, url = splash:url(), html = splash:html()}

-- case: URL and HTML after a failed load over a page
splash:go(args.site .. "/")
local ok, reason = splash:go(args.closed .. "/page")
return {ok = ok or "nil", reason = reason, url = splash:url(), html = splash:html()}

-- case: URL and HTML after a name that is none
local ok, reason = splash:go("http://no-such-host.invalid/x")
return {ok = ok or "nil", reason = reason, url = splash:url(), html = splash:html()}

-- case: URL after an answer that is cut off
local ok, reason = splash:go(args.site .. "/closes")
return {ok = ok or "nil", reason = reason, url = splash:url()}

-- case: URL after an unknown scheme
local ok, reason = splash:go("foo://bar")
return {ok = ok or "nil", reason = reason, url = splash:url(), html = splash:html()}

-- case: URL after a file
local ok, reason = splash:go("file:///etc/passwd")
return {ok = ok or "nil", reason = reason, url = splash:url()}

-- case: URL after a 404
local ok, reason = splash:go(args.site .. "/nothing")
return {ok = ok or "nil", reason = reason, url = splash:url(), html = splash:html()}

-- case: URL after a 500
local ok, reason = splash:go(args.site .. "/status?code=500")
return {ok = ok or "nil", reason = reason, status = splash:status_code(), url = splash:url()}

-- case: status codes
local seen = {}
for _, code in ipairs({200, 201, 400, 403, 404, 410, 429, 500, 503}) do
  local ok, reason = splash:go(args.site .. "/status?code=" .. code)
  seen[#seen + 1] = {tostring(ok), tostring(reason)}
end
return seen

-- case: a page that leads to nowhere while waiting
splash:go(args.site .. "/redirects-to-nowhere")
local ok, reason = splash:wait(2)
return {ok = ok or "nil", reason = reason or "nil", url = splash:url()}

-- case: wait that does not mind errors
splash:go(args.site .. "/redirects-to-nowhere")
local ok, reason = splash:wait{0.5, cancel_on_error=false}
return {ok = ok or "nil", reason = reason or "nil"}

-- case: history after a failed go
splash:go(args.closed .. "/")
return {n = #splash:history()}

-- case: history after a failed go over a page
splash:go(args.site .. "/")
splash:go(args.closed .. "/")
local urls = {}
for i, e in ipairs(splash:history()) do urls[i] = e.request.url end
return urls

-- case: assert of a failed go
-- differs: of a reason of `go` they have the words too
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "LUA_ERROR", "message": "Lua error: [string \"function main(splash, args) assert(splash:go(...\"]:1: network1", "source": "[string \"function main(splash, args) assert(splash:go(...\"]", "line_number": 1, "error": "network1", "text": "Connection refused"}}}
assert(splash:go(args.closed .. "/"))
return "never"

-- case: assert of a 404
-- differs: of a reason of `go` they have the words too
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "LUA_ERROR", "message": "Lua error: [string \"function main(splash, args) assert(splash:go(...\"]:1: http404", "source": "[string \"function main(splash, args) assert(splash:go(...\"]", "line_number": 1, "error": "http404", "text": "HTTP status 404"}}}
assert(splash:go(args.site .. "/nothing"))
return "never"

-- case: a page of its own after a failure
splash:go(args.closed .. "/")
local ok = splash:go(args.site .. "/second")
return {ok = ok, title = splash:evaljs("document.title"), url = splash:url()}

-- case: error of render.html for a refused connection
-- endpoint: /render.html
-- arguments: {"url": "{closed}/page"}

-- case: error of render.html for a name that is none
-- endpoint: /render.html
-- arguments: {"url": "http://no-such-host.invalid/"}

-- case: error of render.html for an answer that is cut off
-- endpoint: /render.html
-- arguments: {"url": "{site}/closes"}

-- case: go without a URL
-- differs: Python's own
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "SPLASH_LUA_ERROR", "message": "[string \"function main(splash, args) splash:go()...\"]:1: 'url' is required for splash:go", "argument": "url", "splash_method": "go", "source": "[string \"function main(splash, args) splash:go()...\"]", "line_number": 1, "error": "'url' is required for splash:go"}}}
splash:go()
return "never"

-- case: go with a number for a URL
-- differs: Python's own
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "SPLASH_LUA_ERROR", "message": "[string \"function main(splash, args) splash:go(5)...\"]:1: 'url' is required for splash:go", "argument": "url", "splash_method": "go", "source": "[string \"function main(splash, args) splash:go(5)...\"]", "line_number": 1, "error": "'url' is required for splash:go"}}}
splash:go(5)
return "never"

-- case: a second go after an HTTP error
local first, why = splash:go(args.site .. "/status?code=503")
local second = splash:go(args.site .. "/")
return {tostring(first), why, second, splash:status_code()}

-- case: status_code before any page
return {code = splash:status_code() or "nil", url = splash:url(), html = splash:html()}

-- case: set_content to nothing
splash:set_content("")
return {url = splash:url(), html = splash:html()}

-- case: a download
local ok, reason = splash:go(args.site .. "/download")
return {ok = ok or "nil", reason = reason or "nil"}

-- case: an attachment
local ok, reason = splash:go(args.site .. "/attachment")
return {ok = ok or "nil", reason = reason or "nil"}

-- case: render.html of a download
-- endpoint: /render.html
-- arguments: {"url": "{site}/download"}

-- case: a picture as a page
local ok, reason = splash:go(args.site .. "/pixel.gif")
return {ok = ok or "nil", reason = reason or "nil"}

-- case: text as a page
splash:go(args.site .. "/text")
return splash:select("body"):text()

-- case: URL and HTML after a download
local ok, reason = splash:go(args.site .. "/download")
return {ok = ok or "nil", reason = reason, url = splash:url(), html = splash:html()}

-- case: URL and HTML after a download over a page
splash:go(args.site .. "/second")
local ok, reason = splash:go(args.site .. "/download")
return {ok = ok or "nil", reason = reason, url = splash:url(), html = splash:html()}

-- case: an unknown scheme over a page
splash:go(args.site .. "/second")
local ok, reason = splash:go("foo://bar")
return {ok = ok or "nil", reason = reason, url = splash:url(), html = splash:html()}

-- case: URL and HTML after response.abort
splash:on_response_headers(function(response) response.abort() end)
local ok, reason = splash:go(args.site .. "/second")
return {ok = ok or "nil", reason = reason, url = splash:url(), html = splash:html()}

-- case: URL and HTML after request.abort
splash:on_request(function(request) request.abort() end)
local ok, reason = splash:go(args.site .. "/second")
return {ok = ok or "nil", reason = reason, url = splash:url(), html = splash:html()}

-- case: URL and HTML after a time limit
splash.resource_timeout = 0.3
local ok, reason = splash:go(args.site .. "/hang")
return {ok = ok or "nil", reason = reason, url = splash:url(), html = splash:html()}

-- case: JavaScript on the page of a failure
splash:go(args.closed .. "/page")
return {splash:evaljs("document.title"), splash:select("h1"):text()}

-- case: a redirect to a refused connection
local ok, reason = splash:go(args.site .. "/redirect?to=" .. args.closed .. "/x")
return {ok = ok or "nil", reason = reason, url = splash:url()}

-- case: no content
-- differs: A page without content (204)
-- ours: {"status": 200, "body": {"ok": "nil", "reason": "network5"}}
-- arguments: {"timeout": 2}
local ok, reason = splash:go(args.site .. "/status?code=204")
return {ok = ok or "nil", reason = reason or "nil"}

-- case: the entry of a failed page in the history
splash:go(args.closed .. "/page")
return splash:history()[1].response

-- case: URL and HTML after a time limit within the page
splash.resource_timeout = 0.3
local ok, reason = splash:go(args.site .. "/slow-body")
return {ok = ok or "nil", reason = reason, url = splash:url()}
