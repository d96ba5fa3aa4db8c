-- case: a Cookie header and the jar
-- differs: both are sent
-- ours: {"status": 200, "body": "{\"Cookie\": \"a=jar; b=given\"}"}
splash:go(args.site .. "/set-cookie?a=jar")
splash:go{args.site .. "/headers", headers={["Cookie"]="b=given"}}
return splash:select("body"):text()

-- case: a Cookie header and the jar with the same name
splash:go(args.site .. "/set-cookie?a=jar")
splash:go{args.site .. "/headers", headers={["Cookie"]="a=given"}}
return splash:select("body"):text()

-- case: a Cookie header without a jar
splash:go{args.site .. "/headers", headers={["Cookie"]="b=given; c=2"}}
return splash:select("body"):text()

-- case: a Cookie header is not kept
splash:go{args.site .. "/headers", headers={["Cookie"]="b=given"}}
splash:go(args.site .. "/headers")
return {text = splash:select("body"):text(), cookies = splash:get_cookies()}

-- case: a Cookie header and cookies of init_cookies
-- differs: both are sent
-- ours: {"status": 200, "body": "{\"Cookie\": \"a=init; b=given\"}"}
splash:init_cookies({{name="a", value="init", domain="127.0.0.1", path="/"}})
splash:go{args.site .. "/headers", headers={["Cookie"]="b=given"}}
return splash:select("body"):text()

-- case: a Cookie header as HTTP argument
-- differs: Chromium's viewer
-- ours: {"status": 200, "body": "<html><head><meta name=\"color-scheme\" content=\"light dark\"><meta charset=\"utf-8\"></head><body><pre>{\"Cookie\": \"b=given\"}</pre><div class=\"json-formatter-container\"></div></body></html>"}
-- endpoint: /render.html
-- arguments: {"url": "{site}/headers", "headers": {"Cookie": "b=given"}}

-- case: a Cookie header as HTTP argument at a redirect that sets a cookie
-- differs: both are sent
-- ours: {"status": 200, "body": "<html><head><meta name=\"color-scheme\" content=\"light dark\"><meta charset=\"utf-8\"></head><body><pre>{\"Cookie\": \"b=given; hop=1\"}</pre><div class=\"json-formatter-container\"></div></body></html>"}
-- endpoint: /render.html
-- arguments: {"url": "{site}/set-cookie-and-redirect", "headers": {"Cookie": "b=given"}}

-- case: a Cookie header at a redirect that sets a cookie
-- differs: both are sent
-- ours: {"status": 200, "body": "{\"Cookie\": \"b=given; hop=1\"}"}
splash:go{args.site .. "/set-cookie-and-redirect", headers={["Cookie"]="b=given"}}
return splash:select("body"):text()

-- case: a Cookie header among the custom headers
splash:go(args.site .. "/set-cookie?a=jar")
splash:set_custom_headers({["Cookie"] = "b=given"})
splash:go(args.site .. "/headers")
return splash:select("body"):text()

-- case: a Cookie header among the custom headers without a jar
splash:set_custom_headers({["Cookie"] = "b=given"})
splash:go(args.site .. "/headers")
return splash:select("body"):text()

-- case: a Cookie header among the custom headers reaches a request of the page
splash:go(args.site .. "/set-cookie?a=jar")
splash:set_custom_headers({["Cookie"] = "b=given"})
splash:go(args.site .. "/xhr")
splash:wait(0.2)
return splash:select("#p"):text()

-- case: a Cookie header set in on_request
-- differs: both are sent
-- ours: {"status": 200, "body": "{\"Cookie\": \"a=jar; b=given\"}"}
splash:go(args.site .. "/set-cookie?a=jar")
splash:on_request(function(request) request:set_header("Cookie", "b=given") end)
splash:go(args.site .. "/headers")
return splash:select("body"):text()

-- case: a Cookie header in on_request is the jar's
splash:go(args.site .. "/set-cookie?a=jar")
local seen
splash:on_request(function(request) seen = request.headers["Cookie"] end)
splash:go(args.site .. "/headers")
return {seen = seen or "nil"}

-- case: a Cookie header of http_get and the jar
-- differs: both are sent
-- ours: {"status": 200, "body": {"Cookie": "a=jar; b=given"}}
splash:go(args.site .. "/set-cookie?a=jar")
local response = splash:http_get{args.site .. "/headers", headers={["Cookie"]="b=given"}}
return response.info.content.text and require("json").decode(require("base64").decode(response.info.content.text)) or "nil"

-- case: http_get sends the jar's cookies
splash:go(args.site .. "/set-cookie?a=jar")
local response = splash:http_get(args.site .. "/headers")
return require("json").decode(require("treat").as_string(response.body))

-- case: http_get keeps the cookies of its answer
splash:http_get(args.site .. "/set-cookie?a=answer")
splash:go(args.site .. "/headers")
return splash:select("body"):text()

-- case: http_post with a Cookie header and the jar
-- differs: both are sent
-- ours: {"status": 200, "body": {"path": "/echo", "body": "x=1", "headers": {"Content-Length": "3", "Content-Type": "application/x-www-form-urlencoded", "Cookie": "a=jar; b=given"}, "method": "POST"}}
splash:go(args.site .. "/set-cookie?a=jar")
local response = splash:http_post{args.site .. "/echo", headers={["Cookie"]="b=given"}, body="x=1"}
return require("json").decode(require("treat").as_string(response.body))

-- case: init_cookies replaces all
splash:go(args.site .. "/set-cookie?a=jar&b=2")
splash:init_cookies({{name="c", value="3", domain="127.0.0.1", path="/"}})
splash:go(args.site .. "/headers")
return splash:select("body"):text()

-- case: get_cookies after an answer set one
splash:go(args.site .. "/with-headers")
local cookies = splash:get_cookies()
table.sort(cookies, function(a, b) return a.name < b.name end)
return cookies

-- case: add_cookie with a domain
splash:add_cookie{"session", "abc", "/", domain="127.0.0.1"}
splash:go(args.site .. "/headers")
return splash:select("body"):text()

-- case: add_cookie with positions and all fields
splash:add_cookie("sessionid", "x y", "/", "127.0.0.1", "2036-07-24T19:20:30Z", true, false)
return splash:get_cookies()

-- case: cookies from the arguments and back, as scrapy-splash does
-- arguments: {"cookies": [{"name": "s", "value": "1", "domain": "127.0.0.1", "path": "/"}]}
function main(splash)
  splash:init_cookies(splash.args.cookies)
  assert(splash:go{splash.args.site .. "/set-cookie?t=2", headers=splash.args.headers, http_method=splash.args.http_method, body=splash.args.body})
  local entries = splash:history()
  local last_response = entries[#entries].response
  local cookies = splash:get_cookies()
  table.sort(cookies, function(a, b) return a.name < b.name end)
  return {url = splash:url(), http_status = last_response.status, cookies = cookies, html = splash:html()}
end

-- case: clear_cookies says how many
splash:go(args.site .. "/with-headers")
return {splash:clear_cookies(), #splash:get_cookies()}

-- case: delete_cookies by name
splash:go(args.site .. "/with-headers")
local n = splash:delete_cookies("a")
return {n, splash:get_cookies()[1].name}

-- case: delete_cookies by URL
splash:go(args.site .. "/with-headers")
return {splash:delete_cookies{url="http://example.com/"}, splash:delete_cookies{url=args.site .. "/"}}

-- case: a cookie that the page's script sets
splash:go(args.site .. "/storage")
local cookies = splash:get_cookies()
return {splash:evaljs("document.title"), cookies[1].name, cookies[1].value}

-- case: a cookie of another origin is not sent
splash:go(args.other .. "/set-cookie?a=other")
splash:go(args.site .. "/headers")
return splash:select("body"):text()

-- case: an expired cookie
splash:add_cookie{"old", "1", "/", domain="127.0.0.1", expires="2001-01-01T00:00:00Z"}
splash:go(args.site .. "/headers")
return splash:select("body"):text()
