-- case: a picture of the viewport
splash:go(args.site .. "/tall")
return splash:png()

-- case: a jpeg of the viewport
splash:go(args.site .. "/tall")
return splash:jpeg()

-- case: width and height
splash:go(args.site .. "/tall")
return splash:png{width=300, height=100}

-- case: render_all
splash:go(args.site .. "/tall")
splash:wait(0.1)
return splash:png{render_all=true}

-- case: render_all with a width
splash:go(args.site .. "/tall")
splash:wait(0.1)
return splash:png{render_all=true, width=256}

-- case: a region
splash:go(args.site .. "/tall")
return splash:png{region={10, 20, 110, 220}}

-- case: a region beyond the viewport
splash:go(args.site .. "/tall")
return splash:png{region={0, 0, 100, 1500}}

-- case: a region with a width
splash:go(args.site .. "/tall")
return splash:png{region={0, 0, 100, 200}, width=50}

-- case: a region with a height
splash:go(args.site .. "/tall")
return splash:png{region={0, 0, 100, 200}, height=50}

-- case: a jpeg's region with a height
splash:go(args.site .. "/tall")
return splash:jpeg{region={0, 0, 100, 200}, height=50}

-- case: a region that is empty
splash:go(args.site .. "/tall")
return {value = splash:png{region={10, 10, 10, 10}} or "nil"}

-- case: a region of three numbers
splash:go(args.site .. "/tall")
return splash:png{region={10, 10, 10}}

-- case: a width of 2000
splash:go(args.site .. "/")
return splash:png{width=2000}

-- case: a width of 2000 for a jpeg
splash:go(args.site .. "/")
return splash:jpeg{width=2000, height=1200}

-- case: a quality of 101
splash:go(args.site .. "/")
return splash:jpeg{quality=101}

-- case: a quality of 0
splash:go(args.site .. "/")
return splash:jpeg{quality=0}

-- case: a quality below 0
splash:go(args.site .. "/")
return splash:jpeg{quality=-5}

-- case: a width of 0
splash:go(args.site .. "/")
return splash:png{width=0}

-- case: a width below 0
splash:go(args.site .. "/")
return splash:png{width=-1}

-- case: a width that is text
-- differs: Python's own
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "SPLASH_LUA_ERROR", "message": "width must be a number", "argument": "width", "splash_method": "png", "error": "width must be a number"}}}
splash:go(args.site .. "/")
return splash:png{width="abc"}

-- case: a width that is a number in text
splash:go(args.site .. "/")
return splash:png{width="100"}

-- case: a height of 5000
splash:go(args.site .. "/")
return splash:png{height=5000}

-- case: a scale method that is none
splash:go(args.site .. "/")
return splash:png{scale_method="fine"}

-- case: a vector scale method
splash:go(args.site .. "/")
return splash:png{width=100, scale_method="vector"}

-- case: an element
splash:go(args.site .. "/boxes")
return splash:select("#a"):png()

-- case: an element with padding
splash:go(args.site .. "/boxes")
return splash:select("#a"):png{pad=5}

-- case: an element with four paddings
splash:go(args.site .. "/boxes")
return splash:select("#a"):png{pad={1, 2, 3, 4}}

-- case: an element as a jpeg
splash:go(args.site .. "/boxes")
return splash:select("#a"):jpeg{quality=50}

-- case: an element with a width
splash:go(args.site .. "/boxes")
return splash:select("#a"):png{width=25}

-- case: a hidden element
splash:go(args.site .. "/boxes")
return {value = splash:select("#h"):png() or "nil"}

-- case: set_viewport_full and a picture
splash:go(args.site .. "/tall")
splash:wait(0.1)
local w, h = splash:set_viewport_full()
return {w, h}

-- case: set_viewport_size
splash:set_viewport_size(640, 480)
splash:go(args.site .. "/")
return {splash:evaljs("window.innerWidth"), splash:evaljs("window.innerHeight"), splash:get_viewport_size()}

-- case: a picture in a table
-- differs: a table to Lua's `type`
-- ours: {"status": 200, "body": {"kind": "table", "size": true}}
splash:go(args.site .. "/")
local png = splash:png{width=10}
return {kind = type(png), size = #require("treat").as_string(png) > 50}

-- case: a picture before any page
return splash:png()

-- case: render.png with width and height
-- endpoint: /render.png
-- arguments: {"url": "{site}/tall", "width": 200, "height": 50}

-- case: render.jpeg
-- endpoint: /render.jpeg
-- arguments: {"url": "{site}/tall", "quality": 10, "width": 200}

-- case: render.png of all
-- endpoint: /render.png
-- arguments: {"url": "{site}/tall", "render_all": 1, "wait": 0.1}

-- case: render.png with a width above the limit
-- endpoint: /render.png
-- arguments: {"url": "{site}/", "width": 2000}

-- case: a viewport that is out of range
splash:set_viewport_size(100000, 10)
return "never"

-- case: a padding of three numbers
splash:go(args.site .. "/boxes")
return splash:select("#a"):png{pad={1, 2, 3}}
