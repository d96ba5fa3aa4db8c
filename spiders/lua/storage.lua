-- localStorage and sessionStorage of a session: pages get back what a login has left there (args.auth_storage, JSON),
-- and the result has what is there in the end.
--
-- In its private mode Splash has no localStorage. Without it all pages of an origin share one while they are open, also
-- those of other spiders. sessionStorage belongs to one page, so on Splash it is both.

-- Puts the values back when the first document of their origin begins, before its scripts run.
local RESTORE = [[
(function (given, one) {
  var mark = 'splashdown-restored', name;
  if (one) { Object.defineProperty(window, 'localStorage', {value: window.sessionStorage, configurable: true}); }
  if (!given || location.origin !== given.origin || sessionStorage.getItem(mark)) { return; }
  sessionStorage.setItem(mark, '1');
  for (name in given.local) { localStorage.setItem(name, given.local[name]); }
  for (name in given.session) { sessionStorage.setItem(name, given.session[name]); }
})]]

-- Returns what is in both, as JSON; an empty text if the page has no storage.
local STORED = [[
function () {
  function copy(storage) {
    var found = {}, at, name;
    for (at = 0; at < storage.length; at += 1) {
      name = storage.key(at);
      if (name !== 'splashdown-restored') { found[name] = storage.getItem(name); }
    }
    return found;
  }
  try {
    return JSON.stringify({origin: location.origin, local: copy(localStorage), session: copy(sessionStorage)});
  } catch (error) {
    return '';
  }
}
]]

-- Call it before the page is loaded.
local function restore_storage(splash, args)
  if not args.auth_storage and args.storage ~= 1 then return end
  local one = "false"
  if not splash.wait_for then splash.private_mode_enabled, one = false, "true" end
  splash:autoload(RESTORE .. "(" .. (args.auth_storage or "null") .. ", " .. one .. ");")
end

-- Returns the storage of the page, if the request wants it.
local function storage_of(splash, args)
  if args.auth_storage or args.storage == 1 then return splash:jsfunc(STORED)() end
end
