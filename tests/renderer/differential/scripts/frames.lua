-- case: frames in render.json
-- differs: the `url` of a frame is where it is
-- ours: {"status": 200, "body": {"url": "SITE/frames", "title": "Frames", "geometry": [0, 0, 1024, 768], "html": "<!DOCTYPE html><html><head><title>Frames</title></head><body><iframe name=\"first\" src=\"/second\" width=\"300\" height=\"100\"></iframe><iframe id=\"second\" src=\"/redirect\" width=\"200\" height=\"50\"></iframe></body></html>", "childFrames": [{"url": "SITE/second", "requestedUrl": "SITE/second", "title": "Second", "frameName": "first", "geometry": [10, 10, 300, 100], "html": "<!DOCTYPE html><html><head><title>Second</title></head><body><h1>Second</h1><a href=\"/\">Home</a></body></html>", "childFrames": []}, {"url": "SITE/second", "requestedUrl": "SITE/redirect", "title": "Second", "frameName": "second", "geometry": [314, 60, 200, 50], "html": "<!DOCTYPE html><html><head><title>Second</title></head><body><h1>Second</h1><a href=\"/\">Home</a></body></html>", "childFrames": []}], "frameName": "", "requestedUrl": "SITE/frames"}}
-- endpoint: /render.json
-- arguments: {"url": "{site}/frames", "iframes": 1, "html": 1}

-- case: nested frames in render.json
-- differs: the `url` of a frame is where it is
-- ours: {"status": 200, "body": {"url": "SITE/nested", "title": "Nested", "geometry": [0, 0, 1024, 768], "childFrames": [{"url": "SITE/frames", "requestedUrl": "SITE/frames", "title": "Frames", "frameName": "outer", "geometry": [10, 10, 400, 300], "childFrames": [{"url": "SITE/second", "requestedUrl": "SITE/second", "title": "Second", "frameName": "first", "geometry": [10, 10, 300, 100], "childFrames": []}, {"url": "SITE/second", "requestedUrl": "SITE/redirect", "title": "Second", "frameName": "second", "geometry": [10, 118, 200, 50], "childFrames": []}]}], "frameName": "", "requestedUrl": "SITE/nested"}}
-- endpoint: /render.json
-- arguments: {"url": "{site}/nested", "iframes": 1, "html": 0}

-- case: frames without an address
-- differs: the `url` of a frame is where it is
-- ours: {"status": 200, "body": {"url": "SITE/srcdoc", "title": "Srcdoc", "geometry": [0, 0, 1024, 768], "html": "<!DOCTYPE html><html><head><title>Srcdoc</title></head><body><iframe srcdoc=\"&lt;p&gt;inside&lt;/p&gt;\"></iframe><iframe src=\"about:blank\"></iframe></body></html>", "childFrames": [{"url": "about:srcdoc", "requestedUrl": "about:srcdoc", "title": "", "frameName": "<!--framePath //<!--frame0-->-->", "geometry": [10, 10, 300, 150], "html": "<html><head></head><body><p>inside</p></body></html>", "childFrames": []}, {"url": "about:blank", "requestedUrl": "about:blank", "title": "", "frameName": "<!--framePath //<!--frame1-->-->", "geometry": [314, 10, 300, 150], "html": "<html><head></head><body></body></html>", "childFrames": []}], "frameName": "", "requestedUrl": "SITE/srcdoc"}}
-- endpoint: /render.json
-- arguments: {"url": "{site}/srcdoc", "iframes": 1, "html": 1}

-- case: no frames in render.json
-- endpoint: /render.json
-- arguments: {"url": "{site}/", "iframes": 1}

-- case: frames that are not asked for
-- endpoint: /render.json
-- arguments: {"url": "{site}/frames", "html": 1}

-- case: the document of a frame
splash:go(args.site .. "/frames")
return splash:evaljs("document.getElementsByTagName('iframe')[0].contentDocument.body.textContent")

-- case: a frame by its name
splash:go(args.site .. "/frames")
return splash:evaljs("window.frames['first'].document.title")

-- case: the HTML of a page with frames
-- endpoint: /render.html
-- arguments: {"url": "{site}/frames"}

-- case: a frame's element
splash:go(args.site .. "/frames")
return splash:evaljs("document.getElementById('second').contentWindow.location.href")

-- case: render.json of a picture
-- endpoint: /render.json
-- arguments: {"url": "{site}/", "png": 1, "width": 20}

-- case: render.json with a script
-- endpoint: /render.json
-- arguments: {"url": "{site}/", "js_source": "document.title + '!'", "script": 1}

-- case: render.json with a console
-- endpoint: /render.json
-- arguments: {"url": "{site}/", "js_source": "console.log('a'); console.log('b')", "console": 1}

-- case: render.html with js_source
-- endpoint: /render.html
-- arguments: {"url": "{site}/", "js_source": "document.title = 'changed'"}

-- case: render.html with a viewport
-- endpoint: /render.json
-- arguments: {"url": "{site}/", "viewport": "800x600"}

-- case: render.html with baseurl
-- endpoint: /render.html
-- arguments: {"url": "{site}/base", "baseurl": "http://example.invalid/"}

-- case: render.html without a URL
-- endpoint: /render.html

-- case: render.html with a wrong wait
-- endpoint: /render.html
-- arguments: {"url": "{site}/", "wait": "abc"}

-- case: render.html with a wait above the limit
-- endpoint: /render.html
-- arguments: {"url": "{site}/", "wait": 100}

-- case: render.html with a wrong viewport
-- endpoint: /render.html
-- arguments: {"url": "{site}/", "viewport": "99999x1"}

-- case: render.html with a timeout
-- endpoint: /render.html
-- arguments: {"url": "{site}/hang", "timeout": 1}

-- case: a script that takes too long
-- arguments: {"timeout": 1}
splash:wait(5)
return "never"

-- case: render.html of a page in Lua's absence
-- endpoint: /execute
-- arguments: {"url": "{site}/"}
