-- case: fill and submit
splash:go(args.site .. "/login")
local form = splash:select("#f")
assert(form:fill({user="anna", password="secret"}))
assert(form:submit())
splash:wait(0.5)
return splash:select("#who"):text()

-- case: a wrong password
splash:go(args.site .. "/login")
local form = splash:select("form")
form:fill({user="anna", password="wrong"})
form:submit()
splash:wait(0.5)
return splash:select("#who"):text()

-- case: form_values
splash:go(args.site .. "/login")
return splash:select("form"):form_values()

-- case: form_values after filling
splash:go(args.site .. "/login")
local form = splash:select("form")
form:fill({user="anna", keep=true, lang="de"})
return form:form_values()

-- case: form_values as multi
-- differs: Python's own
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "SPLASH_LUA_ERROR", "message": "element:form_values values can only be 'auto', 'first' or 'list'", "argument": "values", "splash_method": "form_values", "error": "element:form_values values can only be 'auto', 'first' or 'list'"}}}
splash:go(args.site .. "/login")
return splash:select("form"):form_values{values="multi"}

-- case: form_values as first
splash:go(args.site .. "/login")
return splash:select("form"):form_values("first")

-- case: field_value
splash:go(args.site .. "/login")
return {splash:select("[name=token]"):field_value(), splash:select("select"):field_value(), splash:select("[name=keep]"):field_value()}

-- case: values by JavaScript
splash:go(args.site .. "/login")
splash:runjs([[
  document.querySelector('#user').value = 'anna';
  document.querySelector('input[name=password]').value = 'secret';
  document.querySelector('form').submit();
]])
splash:wait(0.5)
return {splash:select("#who"):text(), splash:get_cookies()[1].name}

-- case: a jsfunc with arguments that fills
-- differs: all properties and methods of their node
-- ours: {"status": 200, "body": {"1": 5, "2": "berta"}}
splash:go(args.site .. "/login")
local set_value = splash:jsfunc("function (id, value) { document.getElementById(id).value = value; return value.length }")
local n = set_value("user", "berta")
return {n, splash:select("#user").node.value}

-- case: node.value
-- differs: all properties and methods of their node
-- ours: {"status": 200, "body": "clara"}
splash:go(args.site .. "/login")
splash:select("#user").node.value = "clara"
return splash:evaljs("document.getElementById('user').value")

-- case: a POST with formdata
splash:go{args.site .. "/session", http_method="POST", formdata={user="anna", password="secret"}}
return {splash:url(), splash:select("#who"):text()}

-- case: a POST with a body
splash:go{args.site .. "/echo", http_method="POST", body="a=1&b=2"}
return splash:select("body"):text()

-- case: a POST in lower case
splash:go{args.site .. "/echo", http_method="post", body="a=1"}
return splash:select("body"):text()

-- case: a PUT
splash:go{args.site .. "/echo", http_method="PUT"}
return "never"

-- case: a GET with a body
splash:go{args.site .. "/echo", body="a=1"}
return "never"

-- case: formdata and a body
splash:go{args.site .. "/echo", http_method="POST", body="a=1", formdata={b="2"}}
return "never"

-- case: formdata with signs
splash:go{args.site .. "/echo", http_method="POST", formdata={q="a b&c=ü"}}
return splash:select("body"):text()

-- case: render.html with a POST
-- endpoint: /render.html
-- arguments: {"url": "{site}/session", "http_method": "POST", "body": "user=anna&password=secret"}

-- case: an option of a select
splash:go(args.site .. "/select")
splash:runjs("var s = document.getElementById('s'); s.value = 'b'; s.dispatchEvent(new Event('change'))")
return {splash:evaljs("document.title"), splash:select("#s"):field_value()}

-- case: selectedIndex
-- differs: all properties and methods of their node
-- ours: {"status": 200, "body": "b"}
splash:go(args.site .. "/select")
splash:select("#s").node.selectedIndex = 1
return splash:select("#s").node.value

-- case: a checkbox
-- differs: all properties and methods of their node
-- ours: {"status": 200, "body": {"1": true, "2": true, "3": true}}
splash:go(args.site .. "/select")
splash:select("#c"):mouse_click()
splash:wait(0.1)
return {splash:select("#c").node.checked, splash:select("#c"):field_value()}

-- case: a radio button
-- differs: all properties and methods of their node
-- ours: {"status": 200, "body": {"1": true}}
splash:go(args.site .. "/select")
splash:select("#r"):mouse_click()
splash:wait(0.1)
return {splash:select("#r").node.checked}

-- case: submit of what is no form
-- differs: Python's own
-- ours: {"status": 200, "body": {"ok": "nil", "reason": "DOMError: NOT_COMPATIBLE_NODE_ERROR: Node should be 'form', but got 'h1'"}}
splash:go(args.site .. "/")
local ok, reason = splash:select("h1"):submit()
return {ok = ok or "nil", reason = reason or "nil"}

-- case: fill of what is no form
-- differs: Python's own
-- ours: {"status": 200, "body": {"ok": "nil", "reason": "DOMError: NOT_COMPATIBLE_NODE_ERROR: Node should be 'form', but got 'h1'"}}
splash:go(args.site .. "/")
local ok, reason = splash:select("h1"):fill({a="1"})
return {ok = ok or "nil", reason = reason or "nil"}

-- case: basic authorization in the headers
splash:go{args.site .. "/basic", headers={Authorization="Basic " .. require("base64").encode("u:p")}}
return {splash:status_code(), splash:evaljs("document.title")}

-- case: basic authorization that is missing
local ok, reason = splash:go(args.site .. "/basic")
return {ok = ok or "nil", reason = reason}
