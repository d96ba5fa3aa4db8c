-- case: history after har_reset
splash:go(args.site .. "/")
splash:har_reset()
return {history = #splash:history(), entries = #splash:har().log.entries, status = splash:status_code() or "nil"}

-- case: history after har_reset and another page
splash:go(args.site .. "/")
splash:har_reset()
splash:go(args.site .. "/second")
local urls = {}
for i, e in ipairs(splash:history()) do urls[i] = e.request.url end
return urls

-- case: har with reset
splash:go(args.site .. "/")
local har = splash:har{reset=true}
return {#har.log.entries, #splash:har().log.entries, #splash:history()}

-- case: entries of a page with pictures
splash:go(args.site .. "/image")
splash:wait(0.2)
local urls = {}
for i, e in ipairs(splash:har().log.entries) do urls[i] = {e.request.url, e.response.status, e.response.content.mimeType} end
table.sort(urls, function(a, b) return a[1] < b[1] end)
return urls

-- case: pages of an archive
-- differs: has its URL for a title
-- ours: {"status": 200, "body": {"1": "SITE/", "2": "Second"}}
splash:go(args.site .. "/")
splash:go(args.site .. "/second")
local titles = {}
for i, p in ipairs(splash:har().log.pages) do titles[i] = p.title end
return titles

-- case: the history of a page
splash:go(args.site .. "/")
return splash:history()[1].response

-- case: render.har
-- endpoint: /render.har
-- arguments: {"url": "{site}/with-headers"}

-- case: render.json with history
-- endpoint: /render.json
-- arguments: {"url": "{site}/redirect", "history": 1, "html": 1}

-- case: the archive of a failed page
splash:go(args.closed .. "/")
local entries = splash:har().log.entries
return {#entries, entries[1] and {entries[1].request.url, entries[1].response.status, entries[1].response.ok} or "nil"}

-- case: bodies in the archive
splash.response_body_enabled = true
splash:go(args.site .. "/data.json")
local entry = splash:har().log.entries[1]
return {entry.response.content.text, entry.response.content.encoding, entry.response.content.size}

-- case: a request's body in the archive
splash.request_body_enabled = true
splash:go{args.site .. "/echo", http_method="POST", body="a=1&b=2"}
return splash:har().log.entries[1].request.postData

-- case: a query in the archive
splash:go(args.site .. "/echo?a=1&b=x%20y")
return splash:har().log.entries[1].request.queryString

-- case: cookies in the archive
splash:go(args.site .. "/with-headers")
return splash:har().log.entries[1].response.cookies

-- case: status_code over several pages
local codes = {}
for _, path in ipairs({"/", "/nothing", "/redirect"}) do
  splash:go(args.site .. path)
  codes[#codes + 1] = splash:status_code()
end
return codes

-- case: http_get in the archive
splash:http_get(args.site .. "/second")
local urls = {}
for i, e in ipairs(splash:har().log.entries) do urls[i] = e.request.url end
return {urls, #splash:history()}
