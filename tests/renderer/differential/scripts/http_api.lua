-- case: render.html
-- endpoint: /render.html
-- arguments: {"url": "{site}/"}

-- case: render.html of a 404
-- endpoint: /render.html
-- arguments: {"url": "{site}/nothing"}

-- case: render.html of a 500
-- endpoint: /render.html
-- arguments: {"url": "{site}/status?code=500"}

-- case: render.html of a redirect
-- endpoint: /render.html
-- arguments: {"url": "{site}/redirect"}

-- case: render.html with headers
-- endpoint: /render.json
-- arguments: {"url": "{site}/headers", "headers": [["X-A", "1"], ["X-B", "2"]], "script": 1, "js_source": "document.body.textContent"}

-- case: render.html with wrong headers
-- endpoint: /render.html
-- arguments: {"url": "{site}/", "headers": "X-A: 1"}

-- case: render.html with a user agent
-- endpoint: /render.json
-- arguments: {"url": "{site}/xhr", "headers": {"User-Agent": "mine/3"}, "wait": 0.3, "script": 1, "js_source": "document.getElementById('p').textContent"}

-- case: render.json of everything
-- endpoint: /render.json
-- arguments: {"url": "{site}/second", "html": 1, "png": 1, "jpeg": 1, "width": 10, "history": 1, "iframes": 1}

-- case: render.json with nothing
-- endpoint: /render.json
-- arguments: {"url": "{site}/second"}

-- case: render.json of a POST
-- endpoint: /render.json
-- arguments: {"url": "{site}/echo", "http_method": "POST", "body": "a=1", "headers": {"Content-Type": "text/x"}, "script": 1, "js_source": "document.body.textContent"}

-- case: render.json with a script that throws
-- endpoint: /render.json
-- arguments: {"url": "{site}/second", "js_source": "throw 'x'", "script": 1, "html": 1}

-- case: render.json with a script that gives an object
-- endpoint: /render.json
-- arguments: {"url": "{site}/second", "js_source": "({a: [1, 'x', null]})", "script": 1}

-- case: render.har with bodies
-- endpoint: /render.har
-- arguments: {"url": "{site}/text", "response_body": 1}

-- case: render.har of a page with pictures
-- endpoint: /render.har
-- arguments: {"url": "{site}/second", "wait": 0.1}

-- case: render.png
-- endpoint: /render.png
-- arguments: {"url": "{site}/"}

-- case: render.png of a viewport
-- endpoint: /render.png
-- arguments: {"url": "{site}/", "viewport": "300x200"}

-- case: render.png of the whole page
-- endpoint: /render.png
-- arguments: {"url": "{site}/tall", "viewport": "full", "wait": 0.1}

-- case: render.png of the whole page without a wait
-- endpoint: /render.png
-- arguments: {"url": "{site}/tall", "render_all": 1}

-- case: render.png with a height of 0
-- endpoint: /render.png
-- arguments: {"url": "{site}/tall", "height": 0}

-- case: render.jpeg with a quality
-- endpoint: /render.jpeg
-- arguments: {"url": "{site}/tall", "quality": 101}

-- case: a method that is none
-- endpoint: /render.html
-- arguments: {"url": "{site}/", "http_method": "PUT"}

-- case: a body with GET
-- endpoint: /render.html
-- arguments: {"url": "{site}/", "body": "x"}

-- case: a timeout above the limit
-- endpoint: /render.html
-- arguments: {"url": "{site}/", "timeout": 1000}

-- case: a proxy that is none
-- endpoint: /render.html
-- arguments: {"url": "{site}/", "proxy": "nothing://x"}

-- case: a proxy that is not there
-- endpoint: /render.html
-- arguments: {"url": "{site}/", "proxy": "{closed}"}

-- case: domains that are allowed
-- endpoint: /render.html
-- arguments: {"url": "{site}/", "allowed_domains": "example.invalid"}

-- case: content types that are allowed
-- endpoint: /render.json
-- arguments: {"url": "{site}/image", "allowed_content_types": "text/html", "wait": 0.2, "script": 1, "js_source": "document.getElementById('i').naturalWidth"}

-- case: a page of a type that is forbidden
-- endpoint: /render.html
-- arguments: {"url": "{site}/second", "forbidden_content_types": "text/html"}

-- case: filters that are none
-- endpoint: /render.html
-- arguments: {"url": "{site}/", "filters": "nothing"}

-- case: a URL that is no text
-- differs: A URL without a scheme
-- ours: {"status": 502, "body": {"error": 502, "type": "RenderError", "description": "Error rendering page", "info": {"type": "Network", "code": 301, "text": "Protocol \"\" is unknown", "url": ""}}}
-- endpoint: /render.html
-- arguments: {"url": "not a url"}

-- case: a script without a source
-- endpoint: /execute
-- arguments: {}

-- case: images that are off
-- endpoint: /render.html
-- arguments: {"url": "{site}/image", "images": 2}

-- case: a flag that is text
-- endpoint: /render.json
-- arguments: {"url": "{site}/second", "html": "1"}

-- case: a wait that is text
-- endpoint: /render.html
-- arguments: {"url": "{site}/late", "wait": "0.4"}

-- case: a page that loads no more after a redirect
-- endpoint: /render.html
-- arguments: {"url": "{site}/redirects-by-meta", "wait": 0.3}

-- case: a page that leads to nowhere
-- endpoint: /render.html
-- arguments: {"url": "{site}/redirects-to-nowhere", "wait": 2}

-- case: js profiles that are not there
-- endpoint: /render.html
-- arguments: {"url": "{site}/", "js": "nothing"}

-- case: arguments that are saved
-- endpoint: /render.html
-- arguments: {"url": "{site}/", "js_source": "1", "save_args": "js_source"}

-- case: arguments that have expired
-- endpoint: /render.html
-- arguments: {"url": "{site}/", "load_args": {"js_source": "abc"}}

-- case: a page of a type that is forbidden, for a script
-- endpoint: /run
-- arguments: {"forbidden_content_types": "text/html"}
local ok, reason = splash:go(args.site .. "/second")
return {tostring(ok), reason, splash:url()}

-- case: a page that is XML
-- endpoint: /render.html
-- arguments: {"url": "{site}/xml"}

-- case: a page that is XML with a style
-- endpoint: /render.html
-- arguments: {"url": "{site}/xhtml"}
