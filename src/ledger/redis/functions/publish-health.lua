--- @include "includes/health.lua"

-- args: books, processor number, health row (its turn is ignored)
define('publishHealth', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local row = call('HGET', books.root .. 'health', args[2]) or NO_HEALTH
  call('HSET', books.root .. 'health', args[2], sub(row, 1, 8) .. sub(args[3], 9))
  publish(books, 'H' .. char(tonumber(args[2])) .. sub(args[3], 9))
  return 0
end)
