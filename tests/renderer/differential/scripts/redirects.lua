-- case: headers of go at a redirect
splash:go{args.site .. "/redirect/302?to=/headers", headers={["X-A"]="1", ["Authorization"]="Basic dTpw", ["Accept-Language"]="de"}}
return splash:select("body"):text()

-- case: headers of go at a redirect to another origin
splash:go{args.site .. "/redirect/302?to=" .. args.other .. "/headers", headers={["X-A"]="1", ["Referer"]="http://x.example/"}}
return splash:select("body"):text()

-- case: Authorization and Cookie at a redirect to another origin
-- differs: secrets never go to another origin
-- ours: {"status": 200, "body": "{\"X-A\": \"1\"}"}
splash:go{args.site .. "/redirect/302?to=" .. args.other .. "/headers", headers={["X-A"]="1", ["Authorization"]="Basic dTpw", ["Cookie"]="a=1"}}
return splash:select("body"):text()

-- case: HTTP argument headers at a redirect
-- differs: Chromium's viewer
-- ours: {"status": 200, "body": "<html><head><meta name=\"color-scheme\" content=\"light dark\"><meta charset=\"utf-8\"></head><body><pre>{\"Accept-Language\": \"de\", \"X-A\": \"1\"}</pre><div class=\"json-formatter-container\"></div></body></html>"}
-- endpoint: /render.html
-- arguments: {"url": "{site}/redirect/302?to=/headers", "headers": {"X-A": "1", "Accept-Language": "de"}}

-- case: two redirects keep the headers
splash:go{args.site .. "/redirect/301?to=/redirect/302", headers={["X-A"]="1"}}
return splash:select("body"):text()

-- case: POST over 307
splash:go{args.site .. "/redirect/307", http_method="POST", body="a=1", headers={["X-A"]="1"}}
return splash:select("body"):text()

-- case: POST over 308 with a type of its own
splash:go{args.site .. "/redirect/308", http_method="POST", body="{}", headers={["Content-Type"]="application/json"}}
return splash:select("body"):text()

-- case: POST over 302 is a GET
splash:go{args.site .. "/redirect/302", http_method="POST", body="a=1", headers={["X-A"]="1"}}
return splash:select("body"):text()

-- case: POST over 303
splash:go{args.site .. "/redirect/303", http_method="POST", formdata={a="1 2"}}
return splash:select("body"):text()

-- case: POST over 301
splash:go{args.site .. "/redirect/301", http_method="POST", formdata={a="1 2"}}
return splash:select("body"):text()

-- case: headers of go do not reach the page's own navigation
splash:go{args.site .. "/", headers={["X-A"]="1"}}
splash:runjs("location = '/headers'")
splash:wait(0.3)
return splash:select("body"):text()

-- case: headers of go do not reach the next go
splash:go{args.site .. "/", headers={["X-A"]="1"}}
splash:go(args.site .. "/headers")
return splash:select("body"):text()

-- case: on_request sees every hop with its headers
local treat = require("treat")
local seen = {}
splash:on_request(function(request)
  seen[#seen + 1] = {request.url, request.method, request.headers["X-A"] or "nil", request.headers["Content-Type"] or "nil"}
end)
splash:go{args.site .. "/redirect/302?to=/second", headers={["X-A"]="1"}}
return treat.as_array(seen)

-- case: a header set in on_request stays with that request
splash:on_request(function(request)
  if string.find(request.url, "/redirect") then request:set_header("X-R", "1") end
end)
splash:go(args.site .. "/redirect/302?to=/headers")
return splash:select("body"):text()

-- case: custom headers at a redirect
splash:set_custom_headers({["X-C"] = "1"})
splash:go(args.site .. "/redirect/302?to=/headers")
return splash:select("body"):text()

-- case: the URL after a redirect
splash:go(args.site .. "/redirect?to=/second%23part")
return splash:url()

-- case: a user agent among the headers stays
splash:go{args.site .. "/", headers={["User-Agent"]="mine/1"}}
splash:go(args.site .. "/headers")
return splash:select("body"):text()

-- case: a redirect of a page that posts itself
splash:go(args.site .. "/post-by-script")
splash:wait(0.5)
return splash:select("body"):text()

-- case: history after redirects
splash:go(args.site .. "/redirect/301?to=/redirect/302%3Fto=/second")
local urls = {}
for i, entry in ipairs(splash:history()) do urls[i] = {entry.request.url, entry.response.status} end
return urls

-- case: cookies that a hop of a redirect sets
splash:go(args.site .. "/set-cookie-and-redirect")
return splash:select("body"):text()
