-- case: letters beyond ASCII
splash:go(args.site .. "/unicode/ü")
return splash:url()

-- case: escaped letters
splash:go(args.site .. "/unicode/%C3%BC")
return splash:url()

-- case: spaces
splash:go(args.site .. "/echo?q=a b")
return {splash:url(), splash:select("body"):text()}

-- case: an escaped space and plus
splash:go(args.site .. "/echo?q=a%20b+c")
return {splash:url(), splash:select("body"):text()}

-- case: letters in the query
splash:go(args.site .. "/echo?q=grüße&x=%26")
return {splash:url(), splash:select("body"):text()}

-- case: braces, bars and quotes
-- differs: `{}|` in a query
-- ours: {"status": 200, "body": {"1": "SITE/echo?q={a}|%22b%22[c]", "2": "{\"method\": \"GET\", \"path\": \"/echo?q={a}|%22b%22[c]\", \"body\": \"\", \"headers\": {}}"}}
splash:go(args.site .. '/echo?q={a}|"b"[c]')
return {splash:url(), splash:select("body"):text()}

-- case: a fragment
splash:go(args.site .. "/#a b/ü")
return splash:url()

-- case: no path
splash:go(args.site)
return splash:url()

-- case: upper case in scheme and host
splash:go((string.gsub(args.other, "http://localhost", "HTTP://LOCALHOST")) .. "/")
return splash:url()

-- case: waiting for a change of the URL
local url = args.site .. "/redirects-by-script?q=grüße"
splash:go(url)
local n = 0
while splash:url() == url and n < 10 do
  n = n + 1
  splash:wait(0.1)
end
return {splash:url(), n > 0}

-- case: pushState
splash:go(args.site .. "/")
splash:runjs("history.pushState({}, '', '/pushed?q=' + encodeURIComponent('ü'))")
return splash:url()

-- case: a hash by script
splash:go(args.site .. "/")
splash:runjs("location.hash = 'x'")
return splash:url()

-- case: the URL in on_request
local seen
splash:on_request(function(request) seen = seen or request.url end)
splash:go(args.site .. "/echo?q=grüße b")
return {seen}

-- case: the URL in the history
splash:go(args.site .. "/unicode/ü?q=a b")
return {splash:history()[1].request.url, splash:history()[1].response.url}

-- case: a data URL
-- differs: the text of a `data:` URL
-- ours: {"status": 200, "body": {"html": "<html><head></head><body><p>data</p></body></html>", "url": "data:text/html,<p>data</p>", "ok": true, "reason": "nil"}}
local ok, reason = splash:go("data:text/html,<p>data</p>")
return {ok = ok or "nil", reason = reason or "nil", url = splash:url(), html = splash:html()}

-- case: render.html of a data URL
-- endpoint: /render.html
-- arguments: {"url": "data:text/html,<p>data</p>"}

-- case: about:blank
local ok, reason = splash:go("about:blank")
return {ok = ok or "nil", reason = reason or "nil", url = splash:url(), html = splash:html()}

-- case: a URL without a scheme
-- differs: A URL without a scheme
-- ours: {"status": 200, "body": {"url": "", "ok": "nil", "reason": "network301"}}
local ok, reason = splash:go("example.invalid/x")
return {ok = ok or "nil", reason = reason or "nil", url = splash:url()}

-- case: white space around a URL
-- differs: with white space around it
-- ours: {"status": 200, "body": {"ok": true, "url": "SITE/second"}}
local ok = splash:go("  " .. args.site .. "/second ")
return {ok = ok or "nil", url = splash:url()}

-- case: set_content with a base URL
splash:set_content("<a id=a href=x>x</a>", "text/html", args.site .. "/deep/")
return {splash:url(), splash:evaljs("document.getElementById('a').href")}

-- case: go with a base URL
splash:go{args.site .. "/second", baseurl="http://example.invalid/deep/"}
return {splash:url(), splash:evaljs("document.links[0].href"), splash:evaljs("document.title")}

-- case: render.json says where the page is
-- endpoint: /render.json
-- arguments: {"url": "{site}/redirect?to=/unicode/%C3%BC"}

-- case: a colon and an at sign in the path
splash:go(args.site .. "/echo?u=a:b@c/d")
return {splash:url(), splash:select("body"):text()}

-- case: percent signs that are no escapes
-- differs: begins no escape
-- ours: {"status": 200, "body": {"1": "SITE/echo?q=100%&r=%zz", "2": "{\"method\": \"GET\", \"path\": \"/echo?q=100%&r=%zz\", \"body\": \"\", \"headers\": {}}"}}
splash:go(args.site .. "/echo?q=100%&r=%zz")
return {splash:url(), splash:select("body"):text()}
