-- case: the headers of http_get
local response = splash:http_get(args.site .. "/headers")
return require("json").decode(require("treat").as_string(response.body))

-- case: all header names of http_get
local response = splash:http_get(args.site .. "/header-names")
return require("json").decode(require("treat").as_string(response.body))

-- case: all header names of http_post
local response = splash:http_post{args.site .. "/header-names", body="a=1"}
return require("json").decode(require("treat").as_string(response.body))

-- case: all header names of http_get with headers
local response = splash:http_get{args.site .. "/header-names", headers={["X-A"]="1", ["Accept-Language"]="de"}}
return require("json").decode(require("treat").as_string(response.body))

-- case: the request of http_get as on_request sees it
local names = {}
splash:on_request(function(request)
  for _, header in ipairs(request.info.headers) do names[#names + 1] = string.lower(header.name) end
end)
splash:http_get(args.site .. "/")
table.sort(names)
return names

-- case: fields of the response of http_get
local response = splash:http_get(args.site .. "/with-headers")
return {response.url, response.status, response.ok, response.headers["X-Custom"], response.info.statusText, response.request.method}

-- case: http_get follows redirects
local response = splash:http_get(args.site .. "/redirect")
return {response.url, response.status}

-- case: http_get without following
local response = splash:http_get{args.site .. "/redirect", follow_redirects=false}
return {response.url, response.status, response.headers["Location"]}

-- case: http_get with headers at a redirect
local response = splash:http_get{args.site .. "/redirect/302?to=/headers", headers={["X-A"]="1"}}
return require("json").decode(require("treat").as_string(response.body))

-- case: http_post of a form
local response = splash:http_post{args.site .. "/echo", body="a=1&b=2"}
return require("json").decode(require("treat").as_string(response.body))

-- case: http_post of JSON
local response = splash:http_post{args.site .. "/echo", body=require("json").encode({a=1}), headers={["Content-Type"]="application/json"}}
return require("json").decode(require("treat").as_string(response.body))

-- case: http_post without a body
local response = splash:http_post(args.site .. "/echo")
return require("json").decode(require("treat").as_string(response.body))

-- case: http_post over 302
local response = splash:http_post{args.site .. "/redirect/302", body="a=1"}
return require("json").decode(require("treat").as_string(response.body))

-- case: http_post over 307
-- differs: `http_post` stays a POST
-- ours: {"status": 200, "body": {"path": "/echo", "body": "a=1", "headers": {"Content-Length": "3", "Content-Type": "application/x-www-form-urlencoded"}, "method": "POST"}}
local response = splash:http_post{args.site .. "/redirect/307", body="a=1"}
return require("json").decode(require("treat").as_string(response.body))

-- case: http_post with a table for a body
splash:http_post{args.site .. "/echo", body={a=1}}
return "never"

-- case: http_get of a refused connection
local response = splash:http_get(args.closed .. "/")
return {response.status, response.ok, response.info.statusText, response.url}

-- case: http_get of a name that is none
local response = splash:http_get("http://no-such-host.invalid/")
return {response.status, response.ok, response.info.statusText}

-- case: http_get of a 404
local response = splash:http_get(args.site .. "/nothing")
return {response.status, response.ok, require("treat").as_string(response.body)}

-- case: http_get of a picture
local response = splash:http_get(args.site .. "/pixel.gif")
return {response.info.content.mimeType, #require("treat").as_string(response.body)}

-- case: http_get in JSON
local response = splash:http_get(args.site .. "/data.json")
return require("json").decode(require("treat").as_string(response.body))

-- case: http_get and custom headers
splash:set_custom_headers({["X-C"] = "custom"})
local response = splash:http_get(args.site .. "/headers")
return require("json").decode(require("treat").as_string(response.body))

-- case: http_get and a user agent
splash:set_user_agent("mine/1")
local response = splash:http_get(args.site .. "/headers")
return require("json").decode(require("treat").as_string(response.body))

-- case: http_get leaves the page alone
splash:go(args.site .. "/second")
splash:http_get(args.site .. "/")
return {splash:url(), splash:evaljs("document.title")}

-- case: on_response of http_get
local seen = {}
splash:on_response(function(response) seen[#seen + 1] = {response.url, response.status} end)
splash:http_get(args.site .. "/redirect")
return seen

-- case: http_get without a URL
-- differs: Python's own
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "SPLASH_LUA_ERROR", "message": "[string \"function main(splash, args) splash:http_get()...\"]:1: http_get() missing 1 required positional argument: url", "splash_method": "http_get", "argument": "url", "source": "[string \"function main(splash, args) splash:http_get()...\"]", "line_number": 1, "error": "http_get() missing 1 required positional argument: url"}}}
splash:http_get()
return "never"

-- case: http_get that on_request aborts
splash:on_request(function(request) request.abort() end)
local response = splash:http_get(args.site .. "/")
return {response.status, response.ok}

-- case: redirects without an end
local response = splash:http_get(args.site .. "/loop")
return {response.status}

-- case: a page that redirects without an end
-- differs: Redirects without an end
-- ours: {"status": 200, "body": {"ok": "nil", "reason": "network399"}}
local ok, reason = splash:go(args.site .. "/loop")
return {ok = ok or "nil", reason = reason or "nil"}
