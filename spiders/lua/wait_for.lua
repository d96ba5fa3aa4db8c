-- Returns the page as soon as args.wait_for is on it.

function main(splash, args)
  local page = open(splash, args)
  return result_of(page, wait(page))
end
