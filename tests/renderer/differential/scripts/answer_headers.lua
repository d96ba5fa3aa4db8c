-- case: a result header
splash:set_result_header("X-Mine", "one")
return "x"

-- case: a result header beyond ASCII
splash:set_result_header("X-Mine", "grüße")
return "x"

-- case: a result header's name beyond ASCII
splash:set_result_header("X-Grüße", "one")
return "x"

-- case: a result header beyond Latin-1
splash:set_result_header("X-Mine", "日本")
return "x"

-- case: a content type beyond ASCII
-- differs: or a type beyond ASCII, are refused
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "SPLASH_LUA_ERROR", "message": "[string \"function main(splash, args) splash:set_result...\"]:1: splash:set_result_content_type() argument must be ascii", "argument": "content_type", "splash_method": "set_result_content_type", "source": "[string \"function main(splash, args) splash:set_result...\"]", "line_number": 1, "error": "splash:set_result_content_type() argument must be ascii"}}}
splash:set_result_content_type("text/grüße")
return "x"

-- case: a result header that is a number
splash:set_result_header("X-Mine", 5)
return "x"

-- case: a result header with a line end
-- differs: Result headers and types with line ends
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "SPLASH_LUA_ERROR", "message": "[string \"function main(splash, args) splash:set_result...\"]:1: the value of 'X-Mine' must have no line end and no NUL", "splash_method": "set_result_header", "source": "[string \"function main(splash, args) splash:set_result...\"]", "line_number": 1, "error": "the value of 'X-Mine' must have no line end and no NUL"}}}
splash:set_result_header("X-Mine", "a\r\nb: c")
return "x"

-- case: a status of its own
splash:set_result_status_code(404)
splash:set_result_content_type("application/xml")
return "<x/>"

-- case: a status that is none
splash:set_result_status_code(100)
return "x"

-- case: a status that is text
splash:set_result_status_code("404")
return "x"

-- case: custom headers under the headers of go
splash:set_custom_headers({["X-C"] = "custom"})
splash:go{args.site .. "/headers", headers={["X-G"] = "go"}}
return splash:select("body"):text()

-- case: custom headers under the headers of go, for the page's requests
splash:set_custom_headers({["X-C"] = "custom"})
splash:go{args.site .. "/xhr", headers={["X-G"] = "go"}}
splash:wait(0.2)
return splash:select("#p"):text()

-- case: custom headers under the headers of a second go
splash:set_custom_headers({["X-C"] = "custom"})
splash:go(args.site .. "/")
splash:go{args.site .. "/headers", headers={["X-G"] = "go"}}
return splash:select("body"):text()

-- case: custom headers under the headers of a second go, for the page's requests
splash:set_custom_headers({["X-C"] = "custom"})
splash:go(args.site .. "/")
splash:go{args.site .. "/xhr", headers={["X-G"] = "go"}}
splash:wait(0.2)
return splash:select("#p"):text()

-- case: custom headers under the headers of go at a redirect
splash:set_custom_headers({["X-C"] = "custom"})
splash:go{args.site .. "/redirect/302?to=/headers", headers={["X-G"] = "go"}}
return splash:select("body"):text()

-- case: custom headers under the same header of go
splash:set_custom_headers({["X-C"] = "custom"})
splash:go{args.site .. "/headers", headers={["X-C"] = "go"}}
return splash:select("body"):text()

-- case: custom headers and an empty table for go
splash:set_custom_headers({["X-C"] = "custom"})
splash:go{args.site .. "/headers", headers={}}
return splash:select("body"):text()

-- case: custom headers of a page's own request
splash:set_custom_headers({["X-C"] = "custom"})
splash:go(args.site .. "/xhr")
splash:wait(0.2)
return splash:select("#p"):text()

-- case: custom headers as a list
-- differs: takes a list of pairs as well
-- ours: {"status": 200, "body": "{\"X-C\": \"one\", \"X-D\": \"two\"}"}
splash:set_custom_headers({{"X-C", "one"}, {"X-D", "two"}})
splash:go(args.site .. "/headers")
return splash:select("body"):text()

-- case: custom headers with a number
splash:set_custom_headers({["X-C"] = 5})
splash:go(args.site .. "/headers")
return splash:select("body"):text()

-- case: custom headers that are no table
-- differs: Python's own
-- ours: {"status": 400, "body": {"error": 400, "type": "ScriptError", "description": "Error happened while executing Lua script", "info": {"type": "SPLASH_LUA_ERROR", "message": "[string \"function main(splash, args) splash:set_custom...\"]:1: headers must be a table with strings as keys and values.", "splash_method": "set_custom_headers", "source": "[string \"function main(splash, args) splash:set_custom...\"]", "line_number": 1, "error": "headers must be a table with strings as keys and values."}}}
splash:set_custom_headers("x")
return "never"

-- case: custom headers with a user agent
splash:set_custom_headers({["User-Agent"] = "mine", ["Accept-Language"] = "de"})
splash:go(args.site .. "/headers")
return {splash:select("body"):text(), splash:evaljs("navigator.userAgent") == "mine"}

-- case: custom headers taken back
splash:set_custom_headers({["X-C"] = "custom"})
splash:go(args.site .. "/")
splash:set_custom_headers({})
splash:go(args.site .. "/headers")
return splash:select("body"):text()
