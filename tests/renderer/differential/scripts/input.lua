-- case: typing and a click on the button
assert(splash:go(args.site .. "/login"))
splash:select("#user"):send_text("anna")
splash:select("input[name=password]"):send_text("secret")
splash:select("#send"):mouse_click()
splash:wait(0.5)
return {splash:url(), splash:select("#who"):text()}

-- case: typing and Return
splash:go(args.site .. "/login")
splash:select("#user"):send_text("anna")
splash:select("input[name=password]"):send_text("secret")
splash:send_keys("<Return>")
splash:wait(0.5)
return splash:select("#who"):text()

-- case: Tab from field to field
splash:go(args.site .. "/login")
splash:select("#user"):mouse_click()
splash:wait(0.1)
splash:send_text("anna")
splash:send_keys("<Tab>")
splash:send_text("secret")
splash:send_keys("<Return>")
splash:wait(0.5)
return splash:select("#who"):text()

-- case: Backtab
splash:go(args.site .. "/login")
splash:select("input[name=password]"):mouse_click()
splash:wait(0.1)
splash:send_keys("<Backtab>")
splash:send_text("back")
splash:wait(0.1)
return splash:select("#user"):field_value()

-- case: letters as keys
splash:go(args.site .. "/events")
splash:select("#i"):mouse_click()
splash:wait(0.1)
splash:send_keys("a b C")
splash:wait(0.1)
return {splash:select("#i"):field_value(), splash:evaljs("seen()")}

-- case: named keys
splash:go(args.site .. "/events")
splash:select("#t"):mouse_click()
splash:wait(0.1)
splash:send_keys("x <Return> y <Space> z <Backspace>")
splash:wait(0.1)
return {splash:select("#t"):field_value(), splash:evaljs("seen()")}

-- case: arrows, home and end
splash:go(args.site .. "/events")
splash:select("#i"):mouse_click()
splash:wait(0.1)
splash:send_keys("a b <Left> c <Home> d <End> e <Right>")
splash:wait(0.1)
return {splash:select("#i"):field_value()}

-- case: function keys
splash:go(args.site .. "/events")
splash:select("#i"):mouse_click()
splash:wait(0.1)
splash:send_keys("<F1> <F5> <F12>")
splash:wait(0.1)
return {splash:evaljs("seen()"), splash:url()}

-- case: modifier keys
splash:go(args.site .. "/events")
splash:select("#i"):mouse_click()
splash:wait(0.1)
splash:send_keys("<Control> <Shift> <Alt> a")
splash:wait(0.1)
return {splash:evaljs("seen()"), splash:select("#i"):field_value()}

-- case: Insert, PageUp, PageDown, Escape
splash:go(args.site .. "/events")
splash:select("#i"):mouse_click()
splash:wait(0.1)
splash:send_keys("<Insert> <PageUp> <PageDown> <Escape>")
splash:wait(0.1)
return splash:evaljs("seen()")

-- case: more keys of Qt
splash:go(args.site .. "/events")
splash:select("#i"):mouse_click()
splash:wait(0.1)
splash:send_keys("<CapsLock> <NumLock> <Meta> <Menu> <Print> <Pause> <Enter>")
splash:wait(0.1)
return splash:evaljs("seen()")

-- case: letters and signs by name
-- differs: Keys of signs in `send_keys`
-- ours: {"status": 200, "body": {"1": true, "2": "keydown:65:0 keypress:65:65 keyup:65:0 keydown:53:0 keypress:53:53 keyup:53:0 keydown:187:0 keypress:43:43 keyup:187:0 keydown:188:0 keypress:44:44 keyup:188:0"}}
splash:go(args.site .. "/events")
splash:select("#i"):mouse_click()
splash:wait(0.1)
splash:send_keys("<A> <5> <Plus> <Comma>")
splash:wait(0.1)
return {splash:select("#i"):field_value(), splash:evaljs("seen()")}

-- case: a key that is none
splash:go(args.site .. "/events")
splash:send_keys("<Foo>")
return "never"

-- case: brackets that are no key
splash:go(args.site .. "/events")
splash:select("#i"):mouse_click()
splash:wait(0.1)
splash:send_keys("<a-b> <>")
splash:wait(0.1)
return splash:select("#i"):field_value()

-- case: text beyond ASCII
splash:go(args.site .. "/events")
splash:select("#i"):mouse_click()
splash:wait(0.1)
splash:send_text("grüße 日本")
splash:wait(0.1)
return splash:select("#i"):field_value()

-- case: text with a line end
splash:go(args.site .. "/events")
splash:select("#t"):mouse_click()
splash:wait(0.1)
splash:send_text("one\ntwo")
splash:wait(0.1)
return splash:select("#t"):field_value()

-- case: text that is a number
-- differs: Python's own
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "SPLASH_LUA_ERROR", "message": "[string \"function main(splash, args) splash:go(args.si...\"]:2: what is sent must be a string", "argument": "text", "splash_method": "send_text", "source": "[string \"function main(splash, args) splash:go(args.si...\"]", "line_number": 2, "error": "what is sent must be a string"}}}
splash:go(args.site .. "/events")
splash:select("#i"):send_text(42)
splash:wait(0.1)
return splash:select("#i"):field_value()

-- case: an element's keys
splash:go(args.site .. "/events")
splash:select("#i"):send_keys("a <Left> b")
splash:wait(0.1)
return splash:select("#i"):field_value()

-- case: a click by coordinates
-- differs: the mouse moves to its place
-- ours: {"status": 200, "body": "mousemove:30,40 mousedown:30,40 mouseup:30,40 click:30,40"}
splash:go(args.site .. "/mouse")
splash:mouse_click(30, 40)
splash:wait(0.1)
return splash:evaljs("seen()")

-- case: press, move and release
-- differs: the mouse moves to its place
-- ours: {"status": 200, "body": "mousemove:10,10 mousedown:10,10 mousemove:50,60 mouseup:50,60 click:50,60"}
splash:go(args.site .. "/mouse")
splash:mouse_press(10, 10)
splash:mouse_hover(50, 60)
splash:mouse_release(50, 60)
splash:wait(0.1)
return splash:evaljs("seen()")

-- case: a click with a table
-- differs: the mouse moves to its place
-- ours: {"status": 200, "body": "mousemove:5,6 mousedown:5,6 mouseup:5,6 click:5,6"}
splash:go(args.site .. "/mouse")
splash:mouse_click{x=5, y=6}
splash:wait(0.1)
return splash:evaljs("seen()")

-- case: a click at a fraction
-- differs: the mouse moves to its place
-- ours: {"status": 200, "body": "mousemove:6,6 mousedown:6,6 mouseup:6,6 click:6,6"}
splash:go(args.site .. "/mouse")
splash:mouse_click(5.7, 6.2)
splash:wait(0.1)
return splash:evaljs("seen()")

-- case: a click without coordinates
-- differs: Python's own
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "SPLASH_LUA_ERROR", "message": "[string \"function main(splash, args) splash:go(args.si...\"]:2: mouse_click() missing 2 required positional arguments: x, y", "splash_method": "mouse_click", "argument": "x", "source": "[string \"function main(splash, args) splash:go(args.si...\"]", "line_number": 2, "error": "mouse_click() missing 2 required positional arguments: x, y"}}}
splash:go(args.site .. "/mouse")
splash:mouse_click()
return "never"

-- case: a click with text for a coordinate
splash:go(args.site .. "/mouse")
splash:mouse_click("a", 1)
return "never"

-- case: an element's click with an offset
-- differs: the mouse moves to its place
-- ours: {"status": 200, "body": "mousemove:3,4 mousedown:3,4 mouseup:3,4 click:3,4"}
splash:go(args.site .. "/mouse")
splash:select("#d"):mouse_click{x=3, y=4}
splash:wait(0.1)
return splash:evaljs("seen()")

-- case: an element's click in its middle
-- differs: the mouse moves to its place
-- ours: {"status": 200, "body": "mousemove:100,100 mousedown:100,100 mouseup:100,100 click:100,100"}
splash:go(args.site .. "/mouse")
splash:select("#d"):mouse_click()
splash:wait(0.1)
return splash:evaljs("seen()")

-- case: clicks on a counter
splash:go(args.site .. "/button")
local button = splash:select("#b")
for i = 1, 3 do
  button:mouse_click()
  splash:wait(0.1)
end
return splash:select("#n"):text()

-- case: a click by JavaScript through getClientRects
splash:go(args.site .. "/button")
local get_dimensions = splash:jsfunc([[
  function () {
    var rect = document.getElementById('b').getClientRects()[0];
    return {"x": rect.left, "y": rect.top}
  }
]])
splash:set_viewport_full()
splash:wait(0.1)
local dimensions = get_dimensions()
splash:mouse_click(dimensions.x + 2, dimensions.y + 2)
splash:wait(0.1)
return splash:select("#n"):text()

-- case: a click on a link
splash:go(args.site .. "/link")
splash:select("#a"):mouse_click()
splash:wait(0.4)
return splash:url()

-- case: a click on a link by JavaScript
splash:go(args.site .. "/link")
splash:runjs("document.getElementById('a').click()")
splash:wait(0.4)
return splash:url()

-- case: a click on a link that opens a window
splash:go(args.site .. "/opens")
splash:select("#a"):mouse_click()
splash:wait(0.3)
return {splash:url(), splash:evaljs("document.title")}

-- case: a click on a javascript link
splash:go(args.site .. "/button")
splash:select("#js"):mouse_click()
splash:wait(0.2)
return splash:evaljs("document.title")
