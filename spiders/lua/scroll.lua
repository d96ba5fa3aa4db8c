-- Scrolls down until args.scroll_end is on the page or, without it, until the number of args.scroll_items has not grown
-- for args.scroll_quiet seconds.

function main(splash, args)
  local page = open(splash, args)
  if not prepare(page) then return result_of(page, false) end
  if splash.scroll_to_end then  -- it also collects the items that a windowed list removes
    local scroll = splash:scroll_to_end{
      item = args.scroll_items, last = args.scroll_end, quiet = args.scroll_quiet, timeout = args.scroll_timeout
    }
    return result_of(page, true, {scroll = scroll})
  end
  local down = splash:jsfunc("function () { window.scrollTo(0, document.documentElement.scrollHeight); }")
  local items, quiet, complete = page.count(args.scroll_items, true), 0, false
  local deadline = page.waited + args.scroll_timeout
  while quiet < args.scroll_quiet and page.waited < deadline do
    if args.scroll_end and page.count(args.scroll_end, true) > 0 then
      complete = true
      break
    end
    down()
    tick(page)
    local now = page.count(args.scroll_items, true)
    if now > items then quiet = 0 else quiet = quiet + TICK end
    items = now
  end
  -- If args.scroll_timeout ended the loop, the list may be longer, so the page is not complete.
  return result_of(page, complete or quiet >= args.scroll_quiet and not args.scroll_end, {scrolled_items = items})
end
