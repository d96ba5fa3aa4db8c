-- case: a slow script
splash.resource_timeout = 0.5
local ok, reason = splash:go(args.site .. "/slow-script")
return {ok = ok or "nil", reason = reason or "nil", html = splash:html()}

-- case: a slow image lets the load event come
splash.resource_timeout = 0.5
local ok, reason = splash:go(args.site .. "/slow-image")
return {ok = ok or "nil", reason = reason or "nil", loaded = splash:evaljs("document.querySelector('h1').className"), state = splash:evaljs("document.readyState"), title = splash:evaljs("document.title")}

-- case: a slow frame
-- differs: A frame that could not be loaded
-- ours: {"status": 200, "body": {"text": "after", "ok": true, "reason": "nil"}}
splash.resource_timeout = 0.5
local ok, reason = splash:go(args.site .. "/slow-frame")
return {ok = ok or "nil", reason = reason or "nil", text = splash:select("p"):text()}

-- case: a slow XMLHttpRequest
splash.resource_timeout = 0.5
splash:go(args.site .. "/slow-xhr")
splash:wait(0.9)
return splash:select("#p"):text()

-- case: the page itself
splash.resource_timeout = 0.4
local ok, reason = splash:go(args.site .. "/hang")
return {ok = ok or "nil", reason = reason or "nil"}

-- case: the page itself has begun
splash.resource_timeout = 0.4
local ok, reason = splash:go(args.site .. "/slow-body")
return {ok = ok or "nil", reason = reason or "nil"}

-- case: render.html with a slow script
-- endpoint: /render.html
-- arguments: {"url": "{site}/slow-script", "resource_timeout": 0.5}

-- case: render.html of a page that is slow itself
-- endpoint: /render.html
-- arguments: {"url": "{site}/hang", "resource_timeout": 0.5}

-- case: the archive of a slow image
-- endpoint: /render.json
-- arguments: {"url": "{site}/slow-image", "resource_timeout": 0.5, "html": 1, "wait": 0.2}

-- case: set_timeout of a request beats the general one
splash.resource_timeout = 0.1
splash:on_request(function(request) request:set_timeout(3) end)
local ok, reason = splash:go(args.site .. "/slow?seconds=0.5")
return {ok = ok or "nil", reason = reason or "nil"}

-- case: set_timeout of one request
splash:on_request(function(request)
  if string.find(request.url, "hang") then request:set_timeout(0.4) end
end)
local ok = splash:go(args.site .. "/slow-script")
return {ok = ok or "nil", class = splash:evaljs("document.getElementById('after').className")}

-- case: set_timeout of the page
splash:on_request(function(request) request:set_timeout(0.4) end)
local ok, reason = splash:go(args.site .. "/hang")
return {ok = ok or "nil", reason = reason or "nil"}

-- case: on_response of a request that was too slow
local treat = require("treat")
splash.resource_timeout = 0.5
local seen = {}
splash:on_response(function(response)
  if string.find(response.url, "hang") then seen = {response.status, response.ok} end
end)
splash:go(args.site .. "/slow-image")
splash:wait(0.2)
return treat.as_array(seen)

-- case: http_get that is too slow
splash.resource_timeout = 0.4
local response = splash:http_get(args.site .. "/hang")
return {response.status, response.ok, response.info.statusText or "nil"}

-- case: reading the attribute back
splash.resource_timeout = 1.5
local first = splash.resource_timeout
splash.resource_timeout = nil
return {first, splash.resource_timeout}

-- case: on_response_headers is asked also with a timeout
local treat = require("treat")
splash.resource_timeout = 2
local seen = {}
splash:on_response_headers(function(response) seen[#seen + 1] = response.status end)
splash:go(args.site .. "/redirect")
return treat.as_array(seen)

-- case: a redirect with a timeout
splash.resource_timeout = 2
splash:go{args.site .. "/redirect/302?to=/headers", headers={["X-A"]="1"}}
return splash:select("body"):text()
