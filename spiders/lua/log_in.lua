-- Fills in a form as a person does, sends it, and waits until args.logged_in is on the next page.

local FILL = [[
function (fields) {
  var form = null;
  for (var name in fields) {
    var input = document.querySelector('[name="' + name.replace(/"/g, '\\"') + '"]');
    if (!input) { return 'the form has no field named ' + name; }
    input.focus();
    // Frameworks watch the native setter and the events, not the property.
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(input), 'value').set.call(input, fields[name]);
    ['input', 'change'].forEach(function (kind) {
      var event = document.createEvent('Event');
      event.initEvent(kind, true, true);
      input.dispatchEvent(event);
    });
    form = input.form || form;
  }
  if (!form) { return 'the fields are in no form'; }
  var button = form.querySelector('[type=submit], button:not([type])');
  if (button) { button.click(); } else { form.submit(); }
  return '';
}
]]

function main(splash, args)
  local page = open(splash, args)
  if not prepare(page) then return result_of(page, false) end
  follow(page)
  local problem = splash:jsfunc(FILL)(args.fields)
  if problem ~= "" then return result_of(page, false, {form_problem = problem}) end
  return result_of(page, wait_until(page, args.logged_in, page.waited + args.wait_timeout))
end
