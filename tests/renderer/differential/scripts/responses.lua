-- case: Set-Cookie in on_response_headers, as in the reference
local seen = "nil"
splash:on_response_headers(function(response)
  seen = response.headers["Set-Cookie"] or "nil"
  if response.headers["Set-Cookie"] then response.abort() end
end)
local ok, reason = splash:go(args.site .. "/with-headers")
return {seen = seen, ok = ok or "nil", reason = reason or "nil"}

-- case: headers in on_response_headers
local treat = require("treat")
local seen = {}
splash:on_response_headers(function(response)
  seen = {response.url, response.status, response.headers["X-Custom"], response.headers["content-type"], response.headers["Set-Cookie"]}
end)
splash:go(args.site .. "/with-headers")
return treat.as_array(seen)

-- case: headers in on_response
local treat = require("treat")
local seen = {}
splash:on_response(function(response)
  seen = {response.url, response.status, response.ok, response.headers["X-Custom"], response.headers["set-cookie"]}
end)
splash:go(args.site .. "/with-headers")
return treat.as_array(seen)

-- case: Set-Cookie of a redirect
local treat = require("treat")
local seen = {}
splash:on_response_headers(function(response)
  seen[#seen + 1] = {response.status, response.headers["Set-Cookie"] or "nil", response.headers["Location"] or "nil"}
end)
splash:go(args.site .. "/set-cookie-and-redirect?to=/second")
return treat.as_array(seen)

-- case: on_response of a refused connection
local treat = require("treat")
local seen = {}
splash:on_response(function(response) seen[#seen + 1] = {response.url, response.status, response.ok, response.info.statusText} end)
local ok, reason = splash:go(args.closed .. "/")
splash:wait(0.1)
return {seen = treat.as_array(seen), ok = ok or "nil", reason = reason}

-- case: on_response of a name that is none
local treat = require("treat")
local seen = {}
splash:on_response(function(response) seen[#seen + 1] = {response.status, response.ok, response.info.statusText} end)
local ok, reason = splash:go("http://no-such-host.invalid/")
splash:wait(0.1)
return {seen = treat.as_array(seen), ok = ok or "nil", reason = reason}

-- case: on_response of a picture that is refused
local treat = require("treat")
local seen = {}
splash:on_response(function(response) seen[#seen + 1] = {response.status, response.ok} end)
splash:set_content("<img src=" .. args.closed .. "/x.gif>", "text/html", args.site)
splash:wait(0.3)
return treat.as_array(seen)

-- case: on_response after request.abort
local treat = require("treat")
local seen = {}
splash:on_request(function(request) if string.find(request.url, "pixel") then request.abort() end end)
splash:on_response(function(response) seen[#seen + 1] = {response.url, response.status, response.ok} end)
splash:go(args.site .. "/image")
splash:wait(0.2)
table.sort(seen, function(a, b) return a[1] < b[1] end)
return treat.as_array(seen)

-- case: on_response after response.abort
local treat = require("treat")
local seen = {}
splash:on_response_headers(function(response) if string.find(response.url, "pixel") then response.abort() end end)
splash:on_response(function(response) seen[#seen + 1] = {response.url, response.status, response.ok} end)
splash:go(args.site .. "/image")
splash:wait(0.2)
table.sort(seen, function(a, b) return a[1] < b[1] end)
return treat.as_array(seen)

-- case: bodies with response_body_enabled
local treat = require("treat")
splash.response_body_enabled = true
local bodies = {}
splash:on_response(function(response)
  bodies[#bodies + 1] = {response.url, response.status, treat.as_string(response.body)}
end)
splash:go(args.site .. "/data.json")
return treat.as_array(bodies)

-- case: body without asking for it
local seen = "unset"
splash:on_response(function(response) seen = response.body == nil and "nil" or "body" end)
splash:go(args.site .. "/")
return seen

-- case: enable_response_body for some
local treat = require("treat")
splash:on_request(function(request) if string.find(request.url, "pixel") then request:enable_response_body() end end)
local seen = {}
splash:on_response(function(response) seen[#seen + 1] = {response.url, response.body and #treat.as_string(response.body) or -1} end)
splash:go(args.site .. "/image")
splash:wait(0.2)
table.sort(seen, function(a, b) return a[1] < b[1] end)
return treat.as_array(seen)

-- case: the request of a response
local treat = require("treat")
local seen = {}
splash:on_response(function(response) seen = {response.request.url, response.request.method, response.request.headers["User-Agent"]} end)
splash:set_user_agent("mine")
splash:go(args.site .. "/")
return treat.as_array(seen)

-- case: statuses of a redirect in on_response
local treat = require("treat")
local seen = {}
splash:on_response(function(response) seen[#seen + 1] = {response.url, response.status, response.ok} end)
splash:go(args.site .. "/redirect")
splash:wait(0.1)
return treat.as_array(seen)

-- case: on_response of a 404
local treat = require("treat")
local seen = {}
splash:on_response(function(response) seen[#seen + 1] = {response.status, response.ok, response.info.statusText} end)
local ok, reason = splash:go(args.site .. "/nothing")
return {treat.as_array(seen), reason}

-- case: info of a response
local info
splash:on_response(function(response) info = response.info end)
splash:go(args.site .. "/text")
return {info.url, info.status, info.statusText, info.httpVersion, info.ok, info.content.mimeType, info.redirectURL}

-- case: writing a field of a response
local failed
splash:on_response(function(response) failed = {pcall(function() response.status = 1 end)} end)
splash:go(args.site .. "/")
return {failed[1]}
