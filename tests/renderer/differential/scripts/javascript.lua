-- case: types of evaljs
splash:go(args.site .. "/")
return {
  number = splash:evaljs("1.5"), text = splash:evaljs("'x'"), yes = splash:evaljs("true"),
  list = splash:evaljs("[1, 'a', [2]]"), object = splash:evaljs("({a: {b: 1}})"),
  null = splash:evaljs("null"), undefined = tostring(splash:evaljs("undefined")),
  date = splash:evaljs("new Date(0)"), func = tostring(splash:evaljs("(function () {})")),
}

-- case: null inside of lists and objects
splash:go(args.site .. "/")
return {splash:evaljs("[1, null, 2]"), splash:evaljs("({a: null, b: undefined})")}

-- case: NaN and Infinity
splash:go(args.site .. "/")
return {tostring(splash:evaljs("NaN")), tostring(splash:evaljs("1/0"))}

-- case: large numbers
splash:go(args.site .. "/")
return {splash:evaljs("9007199254740991"), splash:evaljs("-5"), splash:evaljs("0.1 + 0.2")}

-- case: an element
splash:go(args.site .. "/")
local h1 = splash:evaljs("document.querySelector('h1')")
return h1:text()

-- case: a list of elements
splash:go(args.site .. "/")
local texts = {}
for i, p in ipairs(splash:evaljs("document.querySelectorAll('p')")) do texts[i] = p:text() end
return texts

-- case: the document and the window
splash:go(args.site .. "/")
return {tostring(splash:evaljs("window")), splash:evaljs("typeof document")}

-- case: a syntax error
-- differs: Errors of JavaScript have Chromium's words
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "JS_ERROR", "message": "[string \"function main(splash, args) splash:go(args.si...\"]:2: JS error: \"SyntaxError: Unexpected token '='\"", "js_error_type": "SyntaxError", "js_error_message": "Unexpected token '='", "js_error": "SyntaxError: Unexpected token '='", "splash_method": "evaljs", "source": "[string \"function main(splash, args) splash:go(args.si...\"]", "line_number": 2, "error": "JS error: \"SyntaxError: Unexpected token '='\""}}}
splash:go(args.site .. "/")
splash:evaljs("var = 5")
return "never"

-- case: a thrown text
-- differs: Python's own
-- ours: {"status": 200, "body": {"type": "nil", "message": "nil", "ok": false, "text": "[string \"function main(splash, args) splash:go(args.si...\"]:2: JS error: 'ABC'"}}
splash:go(args.site .. "/")
local ok, err = pcall(function() return splash:evaljs("throw 'ABC'") end)
return {ok = ok, type = err.type or "nil", message = err.js_error_message or "nil", text = tostring(err)}

-- case: a thrown Error
splash:go(args.site .. "/")
splash:evaljs("throw new Error('boom')")
return "never"

-- case: runjs that throws
splash:go(args.site .. "/")
local ok, err = splash:runjs("throw new TypeError('t')")
return {ok = ok or "nil", err = err}

-- case: assert of runjs that throws
splash:go(args.site .. "/")
assert(splash:runjs("throw 'x'"))
return "never"

-- case: runjs keeps variables
-- differs: run in the page's global scope
-- ours: {"status": 200, "body": "42"}
splash:go(args.site .. "/")
assert(splash:runjs("var x = 41; function f() { return x + 1 }"))
return splash:evaljs("f()")

-- case: a function of the page
splash:go(args.site .. "/globals")
return {splash:evaljs("add(1, 2)"), splash:evaljs("data")}

-- case: jsfunc
local add = splash:jsfunc("function (a, b) { return a + b }")
return {add(1, 2), add("a", "b"), add("a", 1)}

-- case: jsfunc with tables
local f = splash:jsfunc("function (o, l) { return [o.a, l.length, Array.isArray(l), typeof o] }")
return f({a = 1}, require("treat").as_array({1, 2, 3}))

-- case: jsfunc with a list that is not said to be one
local f = splash:jsfunc("function (l) { return [Array.isArray(l), JSON.stringify(l)] }")
return f({"x", "y"})

-- case: jsfunc with an element
splash:go(args.site .. "/")
local f = splash:jsfunc("function (e) { return e.tagName }")
return f(splash:select("h1"))

-- case: jsfunc that returns an element
splash:go(args.site .. "/")
local f = splash:jsfunc("function (s) { return document.querySelector(s) }")
return f("#next"):text()

-- case: jsfunc that throws
local f = splash:jsfunc("function () { throw new Error('in') }")
local ok, err = pcall(f)
return {ok = ok, type = type(err)}

-- case: jsfunc that throws without pcall
local f = splash:jsfunc("function () { throw new Error('in') }")
f()
return "never"

-- case: jsfunc of what is no function
-- differs: Errors of JavaScript have Chromium's words
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "JS_ERROR", "message": "[string \"function main(splash, args) local f = splash:...\"]:2: error during JS function call: 'TypeError: (0 , eval)(...) is not a function'", "js_error_type": "TypeError", "js_error_message": "(0 , eval)(...) is not a function", "js_error": "TypeError: (0 , eval)(...) is not a function", "splash_method": "call_jsfunc", "source": "[string \"function main(splash, args) local f = splash:...\"]", "line_number": 2, "error": "error during JS function call: 'TypeError: (0 , eval)(...) is not a function'"}}}
local f = splash:jsfunc("5")
f()
return "never"

-- case: jsfunc with nil
local f = splash:jsfunc("function (a) { return typeof a }")
return f(nil)

-- case: an object that contains itself
splash:go(args.site .. "/")
splash:evaljs("var o = {}; o.o = o; o")
return "never"

-- case: an element's attributes
-- differs: all properties and methods of their node
-- ours: {"status": 200, "body": {"1": {"id": "next", "href": "/second"}, "2": "SITE/second", "3": "/second", "4": "Second"}}
splash:go(args.site .. "/")
local a = splash:select("#next")
return {a.attributes, a.node.href, a.node:getAttribute("href"), a:text()}

-- case: outerHTML and innerHTML
splash:go(args.site .. "/")
return {splash:select("h1").node.outerHTML, splash:select("h1").node.innerHTML, splash:select("h1").node.tagName}

-- case: innerHTML is set
splash:go(args.site .. "/")
splash:select("h1").node.innerHTML = "<b>new</b>"
return splash:select("h1 b"):text()

-- case: info of an element
splash:go(args.site .. "/boxes")
local info = splash:select("#a"):info()
return {info.nodeName, info.x, info.y, info.width, info.height, info.visible, info.text, info.tag, info.attributes}

-- case: bounds
splash:go(args.site .. "/boxes")
return splash:select("#a"):bounds()

-- case: visible and exists
-- differs: An element that is gone is not visible
-- ours: {"status": 200, "body": {"1": {"1": true, "2": false, "3": true}, "2": false, "3": false}}
splash:go(args.site .. "/boxes")
local a, h = splash:select("#a"), splash:select("#h")
local before = {a:visible(), h:visible(), a:exists()}
splash:runjs("document.getElementById('a').remove()")
return {before, a:exists(), a:visible()}

-- case: styles
-- differs: names with hyphens as well
-- ours: {"status": 200, "body": {"1": "absolute", "2": "10px", "3": "50px", "4": "rgb(255, 0, 0)"}}
splash:go(args.site .. "/boxes")
local styles = splash:select("#a"):styles()
return {styles.position, styles.left, styles.width, styles["background-color"]}

-- case: an element that is not there
splash:go(args.site .. "/")
return {tostring(splash:select("#nothing")), #splash:select_all("#nothing")}

-- case: a method of nothing
splash:go(args.site .. "/")
return splash:select("#nothing"):text()

-- case: a wrong selector
-- differs: Errors of JavaScript have Chromium's words
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "SPLASH_LUA_ERROR", "message": "cannot select the specified element SyntaxError: Failed to execute 'querySelector' on 'Document': '!!' is not a valid selector.", "splash_method": "select", "error": "cannot select the specified element SyntaxError: Failed to execute 'querySelector' on 'Document': '!!' is not a valid selector."}}}
splash:go(args.site .. "/")
return splash:select("!!")

-- case: select_all
splash:go(args.site .. "/quotes")
local quotes = {}
for i, q in ipairs(splash:select_all(".quote")) do
  quotes[i] = {text = q.node:querySelector(".text"):text(), author = q:querySelector(".author").textContent}
end
return quotes

-- case: an XPath by JavaScript
splash:go(args.site .. "/")
return splash:evaljs("document.evaluate('//h1', document, null, XPathResult.FIRST_ORDERED_NODE_TYPE, null).singleNodeValue.textContent")

-- case: parents and children
-- differs: all properties and methods of their node
-- ours: {"status": 200, "body": {"1": "TR", "2": 4}}
splash:go(args.site .. "/table")
local td = splash:select("td")
return {td.node.parentNode.nodeName, #splash:select("table").node:getElementsByTagName("td")}

-- case: a list by map
splash:go(args.site .. "/table")
return splash:evaljs("[].map.call(document.querySelectorAll('tr'), function (tr) { return [].map.call(tr.cells, function (c) { return c.textContent }) })")

-- case: what JSON gives of a table
return {a = 1, b = {1, 2}, c = {x = {}}, d = "ü"}

-- case: text content
splash:go(args.site .. "/unicode/ü")
return splash:select("p"):text()

-- case: autoload of a function
splash:autoload("function from_autoload() { return 'yes' }")
splash:go(args.site .. "/")
return splash:evaljs("from_autoload()")

-- case: autoload of a URL
assert(splash:autoload(args.site .. "/lib.js"))
splash:go(args.site .. "/")
return splash:evaljs("window.fromLib")

-- case: autoload of a table
splash:autoload{source="window.a = 1"}
splash:autoload{url=args.site .. "/lib.js"}
splash:go(args.site .. "/")
return {splash:evaljs("window.a"), splash:evaljs("window.fromLib")}

-- case: autoload of a URL that is none
local ok, reason = splash:autoload(args.closed .. "/lib.js")
return {ok = ok or "nil", reason = reason or "nil"}

-- case: autoload_reset
splash:autoload("window.a = 1")
splash:autoload_reset()
splash:go(args.site .. "/")
return tostring(splash:evaljs("window.a"))

-- case: autoload before the page's own scripts
splash:autoload("navigator.__defineGetter__ && (window.early = 1); window.alert = function () {}")
splash:go(args.site .. "/globals")
return splash:evaljs("window.early")

-- case: js_enabled off
splash.js_enabled = false
splash:go(args.site .. "/globals")
splash.js_enabled = true
return tostring(splash:evaljs("typeof data"))

-- case: dialogs
splash:go(args.site .. "/opens")
return splash:evaljs("document.title")

-- case: a page that throws
splash:go(args.site .. "/throws")
return {#splash:select_all("p")}

-- case: the user agent in JavaScript
splash:set_user_agent("mine/1")
splash:go(args.site .. "/")
return splash:evaljs("navigator.userAgent")

-- case: events of an element
splash:go(args.site .. "/button")
local n = 0
local button = splash:select("#b")
button:addEventListener("click", function(event)
  n = n + 1
end)
button:mouse_click()
splash:wait(0.2)
return n

-- case: onclick of an element
splash:go(args.site .. "/button")
local seen
local button = splash:select("#b")
button.onclick = function(event) event:preventDefault() seen = event.type end
button:mouse_click()
splash:wait(0.2)
return {seen, splash:select("#n"):text()}
