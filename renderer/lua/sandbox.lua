-- The sandbox of a script: a small set of harmless functions, and a limit on CPU. The interpreter limits memory.
-- Returns functions for splash.lua. Scripts see only the names in `env`.

local debug, coroutine, table = debug, coroutine, table
local error, pcall, xpcall, tostring, type = error, pcall, xpcall, tostring, type
local load, require, package, print_nothing = load, require, package, function() end
local globals = _G

local INSTRUCTION_LIMIT = 1e7
local HOOK_INTERVAL = 1000

local sandbox = { libraries = {}, allowed_modules = {}, is_open = false }
local user_chunk = nil   -- the source of the script: identifies its stack frames
local used, exhausted = 0, nil

-- Returns "[string "..."]:3: " for the current line of the script.
function sandbox.position()
  for level = 2, 250 do
    local info = debug.getinfo(level, "Sl")
    if info == nil then return "" end
    if info.source == user_chunk and info.currentline > 0 then
      return info.short_src .. ":" .. info.currentline .. ": "
    end
  end
  return ""
end

local function count_instructions()
  used = used + HOOK_INTERVAL
  if used >= INSTRUCTION_LIMIT then
    exhausted = exhausted or "script uses too much CPU"
    -- From now on at every instruction: a loop around pcall must not continue for ever.
    debug.sethook(count_instructions, "", 1)
    error(sandbox.position() .. exhausted, 0)
  end
end

local threads, last_thread = {}, 0

function sandbox.start(func)
  local thread = coroutine.create(func)
  if not sandbox.is_open then debug.sethook(thread, count_instructions, "", HOOK_INTERVAL) end
  last_thread = last_thread + 1
  threads[last_thread] = thread
  return last_thread
end

local function report(id, thread, ...)
  local status = coroutine.status(thread)
  if status == "dead" then threads[id] = nil end
  return status, ...
end

function sandbox.resume(id, ...)
  local thread = threads[id]
  return report(id, thread, coroutine.resume(thread, ...))
end

-- Raises an error of one of our functions; the error names the script's line.
function sandbox.fail(message)
  error(sandbox.position() .. tostring(message), 0)
end

-- A script that has used up its CPU or memory cannot continue, whatever error it catches.
local function rethrow_exhaustion(...)
  local ok, message = ...
  if not ok and message == "not enough memory" then exhausted = exhausted or message end
  if exhausted then error(exhausted, 0) end
  return ...
end

-- xpcall runs the handler without the limits, so it must not run after they are exceeded.
local function limited(handler)
  return function(message)
    if exhausted or message == "not enough memory" then return message end
    return handler(message)
  end
end

local function copy(from, names)
  local result = {}
  for name in names:gmatch("%S+") do result[name] = from[name] end
  return result
end

local strings = copy(string, "byte char find format len lower reverse sub upper")
local numbers = copy(math, [[abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp huge ldexp log max min
  modf pi pow rad random randomseed sin sinh sqrt tan tanh]])

local find, gmatch, gsub = string.find, string.gmatch, string.gsub
-- Patterns are matched in C, where no hook can stop them: refuse many repetitions in one pattern.
strings.find = function(subject, pattern, start, plain)
  if not plain and type(pattern) == "string" then
    local _, repetitions = gsub(pattern, "[*+%-?]", "")
    if repetitions > 1 and (#tostring(subject)) ^ repetitions > 1e8 then
      sandbox.fail("pattern uses too much CPU")
    end
  end
  return find(subject, pattern, start, plain)
end

-- Loads a module of the server's owner: it may use all of Lua. Errors do not show the module's folder.
local function require_module(name)
  local path = package.searchpath(name, package.path)
  if path == nil then sandbox.fail("module '" .. name .. "' not found") end
  local ok, result = pcall(require, name)
  if ok then return result end
  local at, to = find(tostring(result), path, 1, true)
  while at do
    result = result:sub(1, at - 1) .. name .. ".lua" .. result:sub(to + 1)
    at, to = find(result, path, 1, true)
  end
  sandbox.fail(result)
end

-- Adds a library for `require`: always for modules, and for scripts if wanted.
function sandbox.register_library(name, library, for_scripts)
  package.loaded[name] = library
  if for_scripts then
    sandbox.libraries[name] = library
    sandbox.env[name] = library
  end
end

function sandbox.set_modules(path, names)
  package.path, package.cpath = path, ""
  for name in gmatch(names, "[^;]+") do sandbox.allowed_modules[name] = true end
end

-- Removes the sandbox: scripts have all of Lua, without limits.
function sandbox.open()
  sandbox.is_open = true
  for _, name in pairs({ "json", "base64", "treat" }) do globals[name] = sandbox.libraries[name] end
  sandbox.env = globals
end

sandbox.env = {
  assert = assert, error = error, ipairs = ipairs, next = next, pairs = pairs, select = select,
  tonumber = tonumber, tostring = tostring, type = type, print = print_nothing,
  pcall = function(func, ...) return rethrow_exhaustion(pcall(func, ...)) end,
  xpcall = function(func, handler, ...) return rethrow_exhaustion(xpcall(func, limited(handler), ...)) end,
  string = strings,
  table = copy(table, "concat insert pack remove unpack"),
  math = numbers,
  os = copy(os, "clock difftime time"),
  require = function(name)
    local library = sandbox.libraries[name]
    if library ~= nil then return library end
    if not sandbox.allowed_modules[name] then
      sandbox.fail("module '" .. tostring(name) .. "' not found")
    end
    return require_module(name)
  end,
}

-- ("text"):upper() reaches the string library through this metatable, whatever the environment holds.
debug.setmetatable("", { __index = strings, __metatable = false })

-- Compiles the script; returns its chunk, or nil and the message.
function sandbox.load(source)
  user_chunk = source
  return load(source, source, "t", sandbox.env)
end

function sandbox.main()
  return sandbox.env.main
end

return sandbox
