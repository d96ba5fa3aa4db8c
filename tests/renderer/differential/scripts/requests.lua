-- case: abort by pattern
splash:on_request(function(request)
  if string.find(request.url, ".gif") ~= nil then request.abort() end
end)
splash:go(args.site .. "/image")
local n = 0
for _, e in ipairs(splash:har().log.entries) do if e.response.status == 200 then n = n + 1 end end
return {splash:evaljs("document.title"), n}

-- case: abort of the page
splash:on_request(function(request) request:abort() end)
local ok, reason = splash:go(args.site .. "/")
return {ok = ok or "nil", reason = reason}

-- case: set_header
splash:on_request(function(request)
  request:set_header("X-R", "1")
  request:set_header{name="X-S", value="2"}
end)
splash:go(args.site .. "/headers")
return splash:select("body"):text()

-- case: set_header of a user agent
splash:on_request(function(request) request:set_header("User-Agent", "mine") end)
splash:go(args.site .. "/headers")
return splash:select("body"):text()

-- case: set_url
splash:on_request(function(request)
  if string.find(request.url, "/second") then request:set_url(args.site .. "/headers") end
end)
splash:go(args.site .. "/second")
return {splash:select("body"):text(), splash:url()}

-- case: set_url of a script
splash:on_request(function(request)
  if string.find(request.url, "hang.js") then request:set_url(args.site .. "/lib.js") end
end)
splash:go(args.site .. "/slow-script")
return splash:evaljs("window.fromLib")

-- case: the fields of a request
local seen
splash:on_request(function(request) seen = seen or {request.url, request.method, type(request.headers), request.info.method, request.info.httpVersion} end)
splash:go(args.site .. "/")
return seen

-- case: all requests of a page
local urls = {}
splash:on_request(function(request) urls[#urls + 1] = request.url end)
splash:go(args.site .. "/image")
table.sort(urls)
return urls

-- case: a proxy that is not there
splash:on_request(function(request) request:set_proxy{host="127.0.0.1", port=1, type="HTTP"} end)
local ok, reason = splash:go(args.site .. "/")
return {ok = ok or "nil", reason = reason}

-- case: a proxy of no type
local failed
splash:on_request(function(request) failed = {pcall(function() request:set_proxy{host="a", port=1, type="FTP"} end)} end)
splash:go(args.site .. "/")
return {failed[1]}

-- case: a callback with an error
splash:on_request(function(request) error("in a callback") end)
local ok = splash:go(args.site .. "/")
return {ok, splash:evaljs("document.title")}

-- case: a callback that is none
splash:on_request("x")
return "never"

-- case: a request kept until later
local kept
splash:on_request(function(request) kept = kept or request end)
splash:go(args.site .. "/")
local ok = pcall(function() kept:abort() end)
return {ok, kept.url}

-- case: on_request_reset
local n = 0
splash:on_request(function(request) n = n + 1 end)
splash:go(args.site .. "/")
splash:on_request_reset()
splash:go(args.site .. "/second")
return n

-- case: two callbacks
local seen = {}
splash:on_request(function(request) seen[#seen + 1] = 1 end)
splash:on_request(function(request) seen[#seen + 1] = 2 end)
splash:go(args.site .. "/")
return seen

-- case: images off
splash.images_enabled = false
splash:go(args.site .. "/image")
local n = 0
for _, e in ipairs(splash:har().log.entries) do n = n + 1 end
return n

-- case: images as an argument
-- endpoint: /render.json
-- arguments: {"url": "{site}/image", "images": 0, "html": 1}

-- case: allowed domains
-- arguments: {"allowed_domains": "127.0.0.1"}
splash:go(args.site .. "/")
splash:set_content("<img src='" .. args.other .. "/pixel.gif'>", "text/html", args.site)
local ok, reason = splash:go(args.other .. "/")
return {ok = ok or "nil", reason = reason}

-- case: forbidden content types
-- arguments: {"forbidden_content_types": "image/*"}
local seen = {}
splash:on_response(function(response) seen[#seen + 1] = {response.url, response.status} end)
splash:go(args.site .. "/image")
splash:wait(0.2)
return {splash:evaljs("document.getElementById('i').naturalWidth")}

-- case: headers by their names in any case
local seen
splash:on_response(function(response) seen = {response.headers["CONTENT-TYPE"], response.headers["content-type"]} end)
splash:go(args.site .. "/text")
return seen

-- case: XMLHttpRequest of a page
splash:go(args.site .. "/xhr")
splash:wait(0.2)
return splash:select("#p"):text()

-- case: HTTP arguments as args
-- arguments: {"a": 1, "b": [1, 2], "c": {"d": "ü"}, "wait": 0.1}
function main(splash, args)
  return {args.a, args.b, args.c, splash.args.wait, args.nothing or "nil"}
end

-- case: http2_enabled and others can be read
-- differs: `http2` is on by default
-- ours: {"status": 200, "body": {"1": true, "2": true, "3": true, "4": false, "5": false, "6": true}}
return {splash.http2_enabled, splash.js_enabled, splash.images_enabled, splash.plugins_enabled, splash.html5_media_enabled, splash.private_mode_enabled}
