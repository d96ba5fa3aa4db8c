-- Fills in fields as a person does, sends them, and waits until args.logged_in is on the next page.
-- In addition to the page it returns:
--   form_problem  why the fields could not be filled in or sent
--   sent          true if they were sent

local FIELDS = [[
  function field(name) {
    var named = Array.prototype.slice.call(document.querySelectorAll('[name="' + name.replace(/["\\]/g, '\\$&') + '"]'));
    if (!named.length) { try { named = find(name); } catch (error) { named = []; } }
    return named.filter(function (node) { return node.getClientRects().length; })[0] || named[0];
  }
]]

local FILL = FIELDS .. [[
  for (var name in fields) {
    var input = field(name);
    if (!input) { return 'no field has the name ' + name + ', and no element matches it'; }
    var setter = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(input), 'value');
    if (!setter || !setter.set) { return name + ' is no field that a text can be written into'; }
    input.focus();
    setter.set.call(input, fields[name]);  // frameworks watch the native setter and the events, not the property
    ['input', 'change'].forEach(function (kind) {
      var event = document.createEvent('Event');
      event.initEvent(kind, true, true);
      input.dispatchEvent(event);
    });
  }
  return '';
]]

-- Sends the form of the fields, or clicks `submit`. Returns "sent", "disabled" or "none".
local SEND = FIELDS .. [[
  var form = null, button, name;
  if (submit) {
    button = find(submit).filter(function (node) { return node.getClientRects().length; })[0] || find(submit)[0];
  } else {
    for (name in fields) { form = (field(name) || {}).form || form; }
    if (form) { button = form.querySelector('[type=submit], button:not([type])'); }
  }
  if (!button && !form) { return 'none'; }
  if (button && (button.disabled || button.getAttribute('aria-disabled') === 'true')) { return 'disabled'; }
  if (button) { button.click(); } else { form.submit(); }
  return 'sent';
]]

-- Removes passwords from the HTML, and all values of the fields if the login has failed: some frameworks write them there.
local FORGET = [[
function (fields, failed) {
  var values = Object.keys(fields).map(function (name) { return fields[name]; });
  Array.prototype.forEach.call(document.querySelectorAll('input[value]'), function (input) {
    var value = input.getAttribute('value');
    if (input.type === 'password' || failed && values.indexOf(value) >= 0) { input.removeAttribute('value'); }
  });
}
]]

-- Fills in the fields and sends them. Returns why that was not possible.
local function send(page)
  local args = page.args
  local problem = finder(page, "fields", FILL)(args.fields)
  if problem ~= "" then return problem end
  local press, deadline = finder(page, "fields, submit", SEND), page.waited + args.wait_timeout
  while true do
    local done = press(args.fields, args.submit)
    if done == "sent" then return nil end
    if done == "none" and not args.submit then return "the fields are in no form: name the button with submit=" end
    if page.waited >= deadline then
      local button = args.submit and "submit='" .. args.submit .. "'" or "the form's button"
      return button .. (done == "none" and " is not on the page" or " is disabled, although the fields are filled in")
    end
    tick(page)
  end
end

function main(splash, args)
  local page = open(splash, args)
  if not prepare(page) then return result_of(page, false) end
  follow(page)
  local problem = send(page)
  local appeared = not problem and wait_until(page, args.logged_in, page.waited + args.wait_timeout)
  if is_there(page) then splash:jsfunc(FORGET)(args.fields, not appeared) end
  return result_of(page, appeared, {form_problem = problem, sent = not problem})
end
