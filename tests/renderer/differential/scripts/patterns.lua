-- case: the script of scrapy-splash's README
function main(splash)
  local url = splash.args.site .. "/second"
  assert(splash:go(url))
  assert(splash:wait(0.1))
  return {html = splash:html(), title = splash:evaljs("document.title")}
end

-- case: HTML, picture and archive at once
function main(splash, args)
  assert(splash:go(args.site .. "/"))
  assert(splash:wait(0.1))
  local har = splash:har()
  return {html = splash:html(), png = splash:png{width=20}, entries = #har.log.entries, url = splash:url()}
end

-- case: an HTTP error is not an error of the script
function main(splash, args)
  local ok, reason = splash:go(args.site .. "/status?code=404")
  if not ok then
    if reason:sub(0, 4) == "http" then
      return {status = tonumber(reason:sub(5)), html = splash:html()}
    end
    error(reason)
  end
  return "never"
end

-- case: the last response of the history
function main(splash, args)
  splash:go(args.site .. "/redirect")
  local entries = splash:history()
  local last = entries[#entries]
  return {last.request.url, last.response.status, #entries, last.response.headers ~= nil}
end

-- case: pages one after another by the next link
function main(splash, args)
  local titles = {}
  splash:go(args.site .. "/page?n=1")
  for _ = 1, 10 do
    titles[#titles + 1] = splash:evaljs("document.title")
    local next_link = splash:select("a.next")
    if not next_link then break end
    next_link:mouse_click()
    splash:wait(0.3)
  end
  return titles
end

-- case: pages by their addresses
function main(splash, args)
  local titles = {}
  for n = 1, 3 do
    assert(splash:go(args.site .. "/page?n=" .. n))
    titles[n] = splash:evaljs("document.title")
  end
  return titles
end

-- case: a function that waits for a selector
local function wait_for(splash, selector, seconds)
  local waited = 0
  while waited < seconds do
    if splash:select(selector) then return true end
    splash:wait(0.1)
    waited = waited + 0.1
  end
  return nil, "timeout"
end
function main(splash, args)
  splash:go(args.site .. "/late")
  local first = {wait_for(splash, ".ready", 5)}
  local second = {wait_for(splash, ".never", 0.3)}
  return {first[1], second[1] or "nil", second[2]}
end

-- case: waiting by evaljs
function main(splash, args)
  splash:go(args.site .. "/late")
  for _ = 1, 50 do
    if splash:evaljs("document.querySelector('.ready') !== null") then break end
    splash:wait(0.05)
  end
  return splash:evaljs("document.querySelector('.ready').textContent")
end

-- case: a menu that opens under the mouse
function main(splash, args)
  splash:go(args.site .. "/menu")
  splash:select("#menu"):mouse_hover()
  splash:wait(0.2)
  return splash:select("#sub"):visible()
end

-- case: a menu under splash:mouse_hover
function main(splash, args)
  splash:go(args.site .. "/menu")
  splash:mouse_hover(10, 10)
  splash:wait(0.2)
  return splash:evaljs("document.getElementById('log').textContent")
end

-- case: blocking what is not needed
function main(splash, args)
  local blocked = 0
  splash:on_request(function(request)
    for _, pattern in ipairs({"%.gif", "%.css", "google%-analytics"}) do
      if request.url:find(pattern) then
        blocked = blocked + 1
        request.abort()
        return
      end
    end
  end)
  assert(splash:go(args.site .. "/image"))
  return blocked
end

-- case: blocking by the content type
function main(splash, args)
  splash:on_response_headers(function(response)
    local kind = response.headers["Content-Type"]
    if kind and kind:find("image") then response.abort() end
  end)
  assert(splash:go(args.site .. "/image"))
  return splash:evaljs("document.getElementById('i').naturalWidth")
end

-- case: XHR answers are collected
function main(splash, args)
  splash.response_body_enabled = true
  local bodies = {}
  splash:on_response(function(response)
    if response.url:find("/headers") then bodies[#bodies + 1] = {response.status, response.info.content.mimeType, #require("treat").as_string(response.body)} end
  end)
  splash:go(args.site .. "/xhr")
  splash:wait(0.4)
  return {#bodies, bodies[1][1], bodies[1][2]}
end

-- case: headers from the arguments
-- arguments: {"headers": {"X-A": "1", "User-Agent": "mine/2"}}
function main(splash, args)
  splash:go{args.site .. "/headers", headers=args.headers}
  return splash:select("body"):text()
end

-- case: an abort of a page in mid-way and a look at what is there
function main(splash, args)
  splash:set_content("<p>first</p>")
  local ok, reason = splash:with_timeout(function() return splash:go(args.site .. "/slow?seconds=3") end, 0.3)
  return {tostring(ok), reason}
end

-- case: local storage
function main(splash, args)
  splash.private_mode_enabled = false
  splash:go(args.site .. "/")
  splash:runjs("localStorage.setItem('k', 'v')")
  splash:go(args.site .. "/second")
  return splash:evaljs("localStorage.getItem('k')")
end

-- case: session storage
-- differs: `sessionStorage` lasts over the pages of a render
-- ours: {"status": 200, "body": "v"}
function main(splash, args)
  splash:go(args.site .. "/")
  splash:runjs("sessionStorage.setItem('k', 'v')")
  splash:go(args.site .. "/second")
  return splash:evaljs("sessionStorage.getItem('k')")
end

-- case: document.cookie
function main(splash, args)
  splash:add_cookie{"c", "1", "/", domain="127.0.0.1"}
  splash:go(args.site .. "/")
  return splash:evaljs("document.cookie")
end

-- case: a result as XML
function main(splash, args)
  splash:set_result_content_type("text/xml")
  splash:set_result_header("X-Kind", "feed")
  return "<feed/>"
end

-- case: a picture with a type of its own
function main(splash, args)
  splash:go(args.site .. "/")
  splash:set_result_content_type("image/png")
  return splash:png{width=30, height=20}
end

-- case: a download by http_get
function main(splash, args)
  local response = splash:http_get(args.site .. "/download")
  return {response.status, response.info.content.mimeType, #require("treat").as_string(response.body)}
end

-- case: a download by http_get as the result
function main(splash, args)
  return splash:http_get(args.site .. "/download").body
end

-- case: the body of http_get as text
function main(splash, args)
  return require("treat").as_string(splash:http_get(args.site .. "/text").body)
end

-- case: a token from the page and a request with it
function main(splash, args)
  splash:go(args.site .. "/login")
  local token = splash:select("input[name=token]").attributes.value
  local response = splash:http_post{args.site .. "/echo", body="token=" .. token, headers={["X-Requested-With"]="XMLHttpRequest"}}
  return require("json").decode(require("treat").as_string(response.body)).body
end

-- case: rows of a table
function main(splash, args)
  splash:go(args.site .. "/table")
  local rows = {}
  for i, tr in ipairs(splash:select_all("tr")) do
    rows[i] = {}
    for k, td in ipairs(tr:querySelectorAll("td")) do rows[i][k] = td:text() end
  end
  return rows
end

-- case: attributes of links
function main(splash, args)
  splash:go(args.site .. "/")
  local links = {}
  for i, a in ipairs(splash:select_all("a")) do links[i] = {a.attributes.href, a.attributes.id, a:text()} end
  return links
end

-- case: jQuery-like scripts by autoload
function main(splash, args)
  assert(splash:autoload("window.$ = function (s) { return document.querySelectorAll(s) }"))
  assert(splash:go(args.site .. "/quotes"))
  return splash:evaljs("$('.quote').length")
end

-- case: alert, confirm and prompt do not block
function main(splash, args)
  assert(splash:go(args.site .. "/"))
  return splash:evaljs("(function () { alert(1); return [confirm('?'), prompt('?')] })()")
end

-- case: setTimeout in evaljs
function main(splash, args)
  splash:go(args.site .. "/")
  splash:evaljs("void setTimeout(function () { document.title = 'later' }, 100)")
  local before = splash:evaljs("document.title")
  splash:wait(0.4)
  return {before, splash:evaljs("document.title")}
end

-- case: a script element that is added
function main(splash, args)
  splash:go(args.site .. "/")
  splash:runjs("var s = document.createElement('script'); s.src = '/lib.js'; document.head.appendChild(s)")
  splash:wait(0.4)
  return splash:evaljs("window.fromLib")
end

-- case: XMLHttpRequest by evaljs
function main(splash, args)
  splash:go(args.site .. "/")
  return splash:evaljs("(function () { var x = new XMLHttpRequest(); x.open('GET', '/text', false); x.send(); return x.responseText })()")
end

-- case: window.scrollTo and a picture of the part
function main(splash, args)
  splash:go(args.site .. "/tall")
  splash:runjs("window.scrollTo(0, 500)")
  splash:wait(0.1)
  return {splash:evaljs("window.pageYOffset"), splash.scroll_position}
end

-- case: a viewport as high as the page
function main(splash, args)
  splash:go(args.site .. "/tall")
  splash:wait(0.2)
  local w, h = splash:set_viewport_full()
  local w2, h2 = splash:get_viewport_size()
  return {w, h, w2, h2, splash:evaljs("window.innerHeight")}
end

-- case: a viewport before the page
function main(splash, args)
  splash:set_viewport_size(1280, 1024)
  splash:go(args.site .. "/")
  return splash:png()
end

-- case: errors that are caught and told
function main(splash, args)
  local function try()
    assert(splash:go(args.site .. "/nothing"))
  end
  local ok, err = pcall(try)
  return {ok = ok, err = err}
end

-- case: xpcall with a handler
function main(splash, args)
  return {xpcall(function() error("x", 0) end, function(e) return "handled " .. tostring(e) end)}
end

-- case: retries until a page is there
function main(splash, args)
  local tries = 0
  for _, path in ipairs({"/status?code=503", "/status?code=503", "/"}) do
    tries = tries + 1
    if splash:go(args.site .. path) then break end
    splash:wait(0.05)
  end
  return {tries, splash:evaljs("document.title")}
end

-- case: a page in a frame by its address
function main(splash, args)
  splash:go(args.site .. "/frames")
  local src = splash:select("iframe").attributes.src
  assert(splash:go(args.site .. src))
  return splash:evaljs("document.title")
end

-- case: a click in a frame by JavaScript
function main(splash, args)
  splash:go(args.site .. "/frames")
  splash:runjs("document.querySelector('iframe').contentDocument.querySelector('a').click()")
  splash:wait(0.4)
  return splash:evaljs("document.querySelector('iframe').contentDocument.title")
end

-- case: what arguments are there by default
-- arguments: {"url": "{site}/"}
function main(splash, args)
  local names = {}
  for name in pairs(args) do names[#names + 1] = name end
  table.sort(names)
  return names
end

-- case: the URL argument of the arguments
-- arguments: {"url": "{site}/second"}
function main(splash)
  splash:go(splash.args.url)
  return splash:url()
end

-- case: the cookies of a login are kept between pages
function main(splash, args)
  splash:go{args.site .. "/session", http_method="POST", body="user=anna&password=secret"}
  splash:go(args.site .. "/account")
  return splash:select("#who"):text()
end

-- case: an archive of each page
function main(splash, args)
  local counts = {}
  for i, path in ipairs({"/", "/second"}) do
    splash:go(args.site .. path)
    counts[i] = #splash:har{reset=true}.log.entries
  end
  return counts
end

-- case: a response that on_response keeps
function main(splash, args)
  local kept
  splash:on_response(function(response) kept = kept or response end)
  splash:go(args.site .. "/with-headers")
  return {kept.status, kept.headers["X-Custom"], kept.request.url}
end

-- case: a table of functions
local helpers = {}
function helpers.title(splash) return splash:evaljs("document.title") end
function main(splash, args)
  splash:go(args.site .. "/")
  return helpers.title(splash)
end

-- case: HTML after a change of the page
function main(splash, args)
  splash:go(args.site .. "/second")
  splash:runjs("document.body.innerHTML = '<p id=\"x\">a &amp; b</p>'")
  return splash:html()
end

-- case: a page that is XML
function main(splash, args)
  local ok, reason = splash:go(args.site .. "/xml")
  return {tostring(ok), tostring(reason), splash:html()}
end

-- case: an empty page
function main(splash, args)
  local ok, reason = splash:go(args.site .. "/empty")
  return {tostring(ok), tostring(reason), splash:html()}
end

-- case: a page without a type
function main(splash, args)
  local ok, reason = splash:go(args.site .. "/untyped")
  return {tostring(ok), tostring(reason), splash:evaljs("document.body.textContent")}
end

-- case: a page in another encoding
function main(splash, args)
  splash:go(args.site .. "/latin")
  return {splash:select("p"):text(), splash:html()}
end

-- case: HTML that is not closed
function main(splash, args)
  splash:set_content("<ul><li>a<li>b<p>c")
  return splash:html()
end

-- case: a doctype
function main(splash, args)
  splash:set_content('<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd"><html><body>x</body></html>')
  return splash:html()
end

-- case: comments, entities and scripts in the HTML
function main(splash, args)
  splash:set_content("<!-- c --><p title='a\"b'>&nbsp;&lt;&euro;</p><script>if (1 < 2 && 3 > 2) {}</script><textarea>\n<b></textarea>")
  return splash:html()
end
