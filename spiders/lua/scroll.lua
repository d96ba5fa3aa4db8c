-- Scrolls down until nothing new comes: until the number of args.scroll_items has not grown for args.scroll_quiet
-- seconds, or args.scroll_end is on the page.

function main(splash, args)
  local page = open(splash, args)
  if not wait(page) then return result_of(page, false) end
  local down = splash:jsfunc("function () { window.scrollTo(0, document.documentElement.scrollHeight); }")
  local items, quiet, complete = page.count(args.scroll_items), 0, false
  while quiet < args.scroll_quiet and page.waited < args.scroll_timeout do
    if args.scroll_end and page.count(args.scroll_end) > 0 then
      complete = true
      break
    end
    down()
    tick(page)
    local now = page.count(args.scroll_items)
    if now > items then quiet = 0 else quiet = quiet + TICK end
    items = now
  end
  -- Stopped by the clock, the list may go on: that is not the whole page.
  return result_of(page, complete or quiet >= args.scroll_quiet and not args.scroll_end, {scrolled_items = items})
end
