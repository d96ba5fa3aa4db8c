-- The API of scripts: the splash object, elements, timers, and the libraries json, base64 and treat.
-- Each call suspends the script and sends a command to the server; the server's answer resumes the script.

local sandbox = ...
local fail, yield = sandbox.fail, coroutine.yield
local setmetatable, getmetatable, rawset, rawget = setmetatable, getmetatable, rawset, rawget
local type, tostring, pairs = type, tostring, pairs
local string_sub, string_lower = string.sub, string.lower

local host = {}

-- The first value says whether the command succeeded; then come its results or the message.
local function answer(ok, ...)
  if ok then return ... end
  fail((...))
end

local function call(command, ...)
  return answer(yield(command, ...))
end

local function command(name)
  -- `splash:name(...)`; the results are kept out of a tail call, so that errors still find the script's line.
  return function(self, ...) return call(name, ...) end
end

-------------------------------------------------------------------------------
-- Objects that represent objects of the server. Scripts cannot read their content.

local ids = setmetatable({}, { __mode = "k" })      -- object -> its number on the server
local kinds = setmetatable({}, { __mode = "k" })    -- object -> "element", "binary", ...
local OPAQUE = "<wrapped object>"

-- Returns the kind of a table and its number; the converter calls it.
function host.kind(object)
  if getmetatable(object) == "array" then return "array" end
  return kinds[object], ids[object]
end

local ARRAY = { __metatable = "array" }
function host.array(object) return setmetatable(object, ARRAY) end

-- The numbers of objects that Lua does not use any more.
local released, last_released = {}, 0
local function release(object)
  last_released = last_released + 1
  released[last_released] = ids[object]
end

function host.released()
  if last_released == 0 then return nil end
  local result = released
  released, last_released = {}, 0
  return result
end

local BINARY = {
  __metatable = OPAQUE,
  __tostring = function() return "binary data" end,
  __gc = release,
}
function host.binary(id)
  local object = setmetatable({}, BINARY)
  ids[object], kinds[object] = id, "binary"
  return object
end

-------------------------------------------------------------------------------
-- Elements

local element_methods, event_methods = {}, {}

-- The server cannot compare functions, so they get numbers.
local function_numbers, last_function = setmetatable({}, { __mode = "k" }), 0
local function number_of(func)
  if type(func) ~= "function" then return 0 end
  if function_numbers[func] == nil then
    last_function = last_function + 1
    function_numbers[func] = last_function
  end
  return function_numbers[func]
end

local styled = setmetatable({}, { __mode = "k" })   -- style -> its element
local STYLE = {
  __metatable = OPAQUE,
  __index = function(self, name) return call("element.get_style", styled[self], name) end,
  __newindex = function(self, name, value) call("element.set_style", styled[self], name, value) end,
}

local function style_of(element)
  local style = setmetatable({}, STYLE)
  styled[style], kinds[style] = element, "style"
  return style
end

local ELEMENT = {
  __metatable = OPAQUE,
  __gc = release,
  __tostring = function() return "element" end,
  __index = function(self, name)
    local method = element_methods[name]
    -- With a colon or a dot, as in Splash.
    if method ~= nil then return function(_, ...) return method(self, ...) end end
    if name == "node" then return self end
    if name == "style" then return style_of(self) end
    if type(name) ~= "string" or string_sub(name, 1, 1) == "_" then return nil end
    return call("element.get", self, name)
  end,
  __newindex = function(self, name, value)
    if name == "node" then fail("Cannot set node field of the element") end
    if type(name) == "string" and string_sub(name, 1, 2) == "on" then
      call("element.set_event_handler", self, string_sub(name, 3), value, number_of(value))
      return
    end
    call("element.set", self, name, value)
  end,
}

function host.element(id)
  local object = setmetatable({}, ELEMENT)
  ids[object], kinds[object] = id, "element"
  return object
end

function host.add_element_method(name)
  element_methods[name] = function(self, ...) return call("element." .. name, self, ...) end
end

function host.add_dom_method(name)
  element_methods[name] = function(self, ...) return call("element.call", self, name, ...) end
end

function element_methods.addEventListener(self, name, handler, options)
  return call("element.addEventListener", self, name, handler, number_of(handler), options)
end

function element_methods.removeEventListener(self, name, handler)
  return call("element.removeEventListener", self, name, handler, number_of(handler))
end

local EVENT = {
  __metatable = OPAQUE,
  __gc = release,
  __index = function(self, name)
    local method = event_methods[name]
    if method ~= nil then return function(_, ...) return method(self, ...) end end
    return call("element.get", self, name)
  end,
}

function host.event(id)
  local object = setmetatable({}, EVENT)
  ids[object], kinds[object] = id, "event"
  return object
end

function host.add_event_method(name)
  event_methods[name] = function(self) return call("element.call", self, name) end
end

-------------------------------------------------------------------------------
-- Timers

local timer_methods = {}
for _, name in pairs({ "cancel", "is_pending", "reraise" }) do
  timer_methods[name] = function(self) return call("timer." .. name, ids[self]) end
end
local TIMER = { __index = timer_methods, __metatable = OPAQUE }

function host.timer(id)
  local object = setmetatable({}, TIMER)
  ids[object], kinds[object] = id, "timer"
  return object
end

-------------------------------------------------------------------------------
-- Requests and responses: plain tables; their methods find them by number

local function case_insensitive(source)
  local values, lower = {}, {}
  for key, value in pairs(source) do
    values[key] = value
    lower[string_lower(key)] = value
  end
  return setmetatable(values, {
    __index = function(_, key) return lower[string_lower(key)] end,
    __newindex = function(self, key, value)
      rawset(self, key, value)
      lower[string_lower(key)] = value
    end,
  })
end

local http_methods = { request = {}, response = {} }
function host.add_http_method(kind, name)
  http_methods[kind][name] = kind .. "." .. name
end

local function read_only(kind, object, fields)
  return setmetatable(object, {
    __metatable = OPAQUE,
    __index = fields,
    __newindex = function(_, name, value)
      if fields[name] ~= nil then fail(kind .. "." .. name .. " is read-only") end
      rawset(object, name, value)
    end,
  })
end

function host.http_object(kind, id, fields)
  local object = kind == "request" and fields or { request = fields.request }
  object.headers = case_insensitive(fields.headers)
  for name, full_name in pairs(http_methods[kind]) do
    -- With a colon or a dot: Splash's own examples have `request.abort()`.
    object[name] = function(_, ...) return call(full_name, id, ...) end
  end
  return kind == "request" and object or read_only(kind, object, fields)
end

-------------------------------------------------------------------------------
-- The splash object

local methods, attributes = {}, {}

function host.add_method(name) methods[name] = command(name) end
function host.add_attribute(name)
  attributes[name] = true
  methods["get_" .. name] = function(self) return call("attribute.get", name) end
  methods["set_" .. name] = function(self, value) return call("attribute.set", name, value) end
end
function methods.jsfunc(self, source)
  local id = call("jsfunc", source)
  return function(...) return call("call_jsfunc", id, ...) end
end

local own = {}
local SPLASH = {
  __metatable = OPAQUE,
  __index = function(_, name)
    if attributes[name] then return call("attribute.get", name) end
    local value = rawget(own, name)
    if value ~= nil then return value end
    return methods[name]
  end,
  __newindex = function(_, name, value)
    if attributes[name] then call("attribute.set", name, value) return end
    if type(name) == "string" and string_sub(name, 1, 1) == "_" then
      fail("Cannot set private field: " .. name)
    end
    rawset(own, name, value)
  end,
}
local splash = setmetatable({}, SPLASH)
kinds[splash] = "splash"

function host.set_args(args) own.args = args end
function host.call_main(main) return main(splash, own.args) end
function host.script_main(main) return function() return main(splash, own.args) end end

-- Calls these functions of `host`; each definition is the name of a function, and its arguments.
-------------------------------------------------------------------------------
-- Libraries

sandbox.register_library("splash", methods, false)

sandbox.register_library("json", {
  encode = function(value) return call("json.encode", value) end,
  decode = function(text)
    if type(text) ~= "string" then fail("json.decode argument must be a string") end
    return call("json.decode", text)
  end,
}, true)

sandbox.register_library("base64", {
  encode = function(value)
    if type(value) ~= "string" and kinds[value] ~= "binary" then
      fail("base64.encode argument must be a string")
    end
    return call("base64.encode", value)
  end,
  decode = function(text)
    if type(text) ~= "string" then fail("base64.decode argument must be a string") end
    return call("base64.decode", text)
  end,
}, true)

sandbox.register_library("treat", {
  as_array = function(object)
    if type(object) ~= "table" or kinds[object] then fail("as_array argument must be a table") end
    return host.array(object)
  end,
  as_binary = function(value, content_type)
    if type(value) ~= "string" and kinds[value] ~= "binary" then
      fail("as_binary argument must be a string or a binary object")
    end
    return call("treat.as_binary", value, content_type)
  end,
  as_string = function(value)
    if kinds[value] ~= "binary" then return tostring(value) end
    return call("treat.as_string", value)
  end,
  as_case_insensitive = case_insensitive,
}, true)

return host
