-- Returns the page as soon as args.wait_for is on it, after the steps that args name.

function main(splash, args)
  local page = open(splash, args)
  return result_of(page, prepare(page))
end
