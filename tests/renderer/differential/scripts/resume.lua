-- case: resume with a value
local result, err = splash:wait_for_resume([[
  function main(splash) { setTimeout(function () { splash.resume({a: [1, 2]}) }, 50) }
]])
return {result, err or "nil"}

-- case: resume with more values
local result = splash:wait_for_resume([[
  function main(splash) { splash.set("x", 1); splash.set("y", "z"); splash.resume("v") }
]])
return result

-- case: error
local result, err = splash:wait_for_resume([[
  function main(splash) { setTimeout(function () { splash.error("bad") }, 10) }
]])
return {result or "nil", err}

-- case: a time limit
local result, err = splash:wait_for_resume([[ function main(splash) {} ]], 0.2)
return {result or "nil", err}

-- case: navigation while waiting
splash:go(args.site .. "/")
local result, err = splash:wait_for_resume([[ function main(splash) { location = '/second' } ]], 2)
return {result or "nil", err}

-- case: an object that contains itself
local result, err = splash:wait_for_resume([[
  function main(splash) { var o = {}; o.o = o; splash.resume(o) }
]])
return {result or "nil", err}

-- case: the error of an object that contains itself
-- differs: Python's own
-- ours: {"status": 200, "body": {"1": false, "2": "string", "3": "[string \"function main(splash, args) local ok, err = p...\"]:1: JavaScript error: Error: Object is too deep or recursive"}}
local ok, err = pcall(function()
  return splash:wait_for_resume("function main(splash) { var o = {}; o.o = o; splash.resume(o) }")
end)
return {ok, type(err), tostring(err)}

-- case: no main
splash:wait_for_resume("var x = 1")
return "never"

-- case: a syntax error
-- differs: Errors of JavaScript have Chromium's words
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "LUA_ERROR", "message": "Lua error: [string \"function main(splash, args) splash:wait_for_r...\"]:1: JavaScript error: SyntaxError: Unexpected token ';'", "splash_method": "wait_for_resume", "source": "[string \"function main(splash, args) splash:wait_for_r...\"]", "line_number": 1, "error": "JavaScript error: SyntaxError: Unexpected token ';'"}}}
splash:wait_for_resume("function main(splash) { !!")
return "never"

-- case: main throws
splash:wait_for_resume("function main(splash) { throw 'oops' }")
return "never"

-- case: main throws an Error
splash:wait_for_resume("function main(splash) { throw new Error('oops') }")
return "never"

-- case: resume without a value
local result = splash:wait_for_resume("function main(splash) { splash.resume() }")
return {type(result), tostring(result.value)}

-- case: resume twice
local result = splash:wait_for_resume("function main(splash) { splash.resume(1); splash.resume(2) }")
return result

-- case: resume with text, number and null
local values = {}
for i, source in ipairs({"'x'", "5", "null", "[1, 2]", "true"}) do
  values[i] = splash:wait_for_resume("function main(splash) { splash.resume(" .. source .. ") }").value
end
return values

-- case: a negative time limit
-- differs: Python's own
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "SPLASH_LUA_ERROR", "message": "[string \"function main(splash, args) splash:wait_for_r...\"]:1: splash:wait_for_resume timeout must be a number >= 0", "argument": "timeout", "splash_method": "wait_for_resume", "source": "[string \"function main(splash, args) splash:wait_for_r...\"]", "line_number": 1, "error": "splash:wait_for_resume timeout must be a number >= 0"}}}
splash:wait_for_resume("function main(splash) {}", -1)
return "never"

-- case: waiting for an element
splash:go(args.site .. "/late")
local result, err = splash:wait_for_resume([[
  function main(splash) {
    var timer = setInterval(function () {
      var e = document.querySelector('.ready');
      if (e) { clearInterval(timer); splash.resume(e.textContent) }
    }, 20);
  }
]], 3)
return {result, err or "nil"}

-- case: a value with an element
splash:go(args.site .. "/")
local result = splash:wait_for_resume("function main(splash) { splash.resume({e: document.body, n: 1}) }")
return result

-- case: error with an object
local result, err = splash:wait_for_resume("function main(splash) { splash.error({a: 1}) }")
return {result or "nil", err}
