-- case: json
local json = require("json")
return {json.encode({a = {true}}), json.encode({b = "ü/\"\n"}), json.decode('{"x": [1, 2, {"y": null}]}')}

-- case: json of a list
local json = require("json")
return {json.encode({1, 2}), json.encode(require("treat").as_array({1, 2})), json.encode({})}

-- case: json that is none
require("json").decode("{")
return "never"

-- case: json of what is no text
-- differs: Python's own
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "LUA_ERROR", "message": "Lua error: [string \"function main(splash, args) require(\"json\").d...\"]:1: json.decode argument must be a string", "source": "[string \"function main(splash, args) require(\"json\").d...\"]", "line_number": 1, "error": "json.decode argument must be a string"}}}
require("json").decode({})
return "never"

-- case: base64
local base64 = require("base64")
return {base64.encode("grüße"), base64.decode("Z3LDvMOfZQ==")}

-- case: base64 that is none
local base64 = require("base64")
return {pcall(base64.decode, "!!!")}

-- case: treat.as_binary
return require("treat").as_binary("abc", "application/x-abc")

-- case: treat.as_string
local treat = require("treat")
local s, kind = treat.as_string(treat.as_binary("abc", "text/x"))
return {s, kind}

-- case: treat.as_array
return {require("treat").as_array({})}

-- case: a nested array
return {list = require("treat").as_array({1, require("treat").as_array({})})}

-- case: treat.as_case_insensitive
local t = require("treat").as_case_insensitive({["Content-Type"] = "x"})
return {t["content-type"], t["CONTENT-TYPE"]}

-- case: treat without require
-- differs: there without `require`
-- ours: {"status": 200, "body": {"1": "table", "2": "table", "3": "table"}}
return {type(treat), type(json), type(base64)}

-- case: a module that is none
require("os")
return "never"

-- case: what the sandbox has
return {type(os), type(io), type(string.rep), type(table.concat), type(math.floor), type(os and os.time), type(loadstring), type(dofile)}

-- case: string functions
return {("%05.2f"):format(3.14159), ("a,b,c"):gsub(",", ";"), ("Hello"):lower(), ("x"):rep(3), #"grüße", ("abc"):sub(2)}

-- case: patterns
local out = {}
for key, value in string.gmatch("a=1, b=2", "(%w+)=(%w+)") do out[key] = value end
return out

-- case: os.time and os.date
return {type(os.time()), type(os.clock())}

-- case: pcall, error with a table
local ok, err = pcall(function() error({code = 5}) end)
return {ok, err.code}

-- case: error with a table at the top
-- differs: Python's own
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "LUA_ERROR", "message": "Lua error: (error object is a table value)"}}}
error({code = 5})

-- case: error with text
-- differs: ends on a line of its own
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "LUA_ERROR", "message": "Lua error: [string \"function main(splash, args) error(\"plain\")...\"]:1: plain", "source": "[string \"function main(splash, args) error(\"plain\")...\"]", "line_number": 1, "error": "plain"}}}
error("plain")

-- case: error with a level
error("plain", 0)

-- case: a call of nil
local x = nil
x()

-- case: an index of nil
local x = nil
return x.y

-- case: arithmetic with text
return {"10" + 5, 7 % 3, 2 ^ 8, 7 / 2}

-- case: a syntax error
-- differs: ends on a line of its own
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "LUA_INIT_ERROR", "message": "[string \"function main(splash, args) return (...\"]:2: unexpected symbol near 'end'", "source": "[string \"function main(splash, args) return (...\"]", "line_number": 2, "error": "unexpected symbol near 'end'"}}}
return (

-- case: no main
-- endpoint: /execute
local x = 1

-- case: main that is no function
-- endpoint: /execute
main = 5

-- case: main without arguments
function main()
  return "x"
end

-- case: several results
return 1, "a", {b = 2}

-- case: nil
return nil

-- case: nothing

-- case: true
return true

-- case: a number
return 5

-- case: a fraction
return 1.5

-- case: a large number
return {2^53, 2^60, -1, 1e300}

-- case: bytes that are no UTF-8
-- differs: A string that is not UTF-8
-- ours: {"status": 200, "body": "\\xff\\xfe"}
return "\xff\xfe"

-- case: a function as a result
return function() end

-- case: an element as a result
splash:go(args.site .. "/")
return splash:select("h1")

-- case: an element in a table
splash:go(args.site .. "/")
return {e = splash:select("h1")}

-- case: a response as a result
return splash:http_get(args.site .. "/")

-- case: splash as a result
return splash

-- case: a picture in a table is base64
splash:set_viewport_size(10, 10)
splash:set_content("<p>x</p>")
local t = {png = splash:png()}
return {string.sub(require("base64").encode(t.png), 1, 8)}

-- case: tables with holes
return {1, nil, 3}

-- case: keys that are numbers and text
return {1, 2, a = 3, [10] = 4}

-- case: keys that are booleans
return {[true] = 1}

-- case: a table that contains itself
local t = {}
t.t = t
return t

-- case: the version
local v = splash:get_version()
return {v.splash, v.major, v.minor}

-- case: the state of the process
local stats = splash:get_perf_stats()
return {type(stats.walltime), type(stats.cputime), type(stats.maxrss)}

-- case: an attribute of one's own
splash.mine = 5
return splash.mine

-- case: a private attribute
splash._mine = 5
return "never"

-- case: a method that is none
splash:nothing()
return "never"

-- case: a dot in place of a colon
local ok, err = pcall(function() return splash.url() end)
return {ok}

-- case: print
print("x")
return "fine"

-- case: unpack and varargs
local function f(...) return select("#", ...), (select(2, ...)) end
return {f(1, 2, 3)}

-- case: a coroutine
local co = coroutine.create(function() coroutine.yield(1) return 2 end)
return {coroutine.resume(co)}

-- case: unknown arguments of a method
-- differs: Python's own
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "SPLASH_LUA_ERROR", "message": "[string \"function main(splash, args) splash:go{args.si...\"]:1: go() got an unexpected argument 'foo'", "splash_method": "go", "source": "[string \"function main(splash, args) splash:go{args.si...\"]", "line_number": 1, "error": "go() got an unexpected argument 'foo'"}}}
splash:go{args.site .. "/", foo=1}
return "never"

-- case: too many arguments
-- differs: Python's own
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "SPLASH_LUA_ERROR", "message": "[string \"function main(splash, args) splash:html(1, 2)...\"]:1: html() takes at most 0 arguments", "splash_method": "html", "source": "[string \"function main(splash, args) splash:html(1, 2)...\"]", "line_number": 1, "error": "html() takes at most 0 arguments"}}}
splash:html(1, 2)
return "never"

-- case: assert with a message
assert(false, "my message")

-- case: assert of nil with a reason
-- differs: of a reason of `go` they have the words too
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "LUA_ERROR", "message": "Lua error: [string \"function main(splash, args) local ok, reason ...\"]:2: http404", "source": "[string \"function main(splash, args) local ok, reason ...\"]", "line_number": 2, "error": "http404", "text": "HTTP status 404"}}}
local ok, reason = splash:go(args.site .. "/nothing")
assert(ok, reason)
