--- @include "includes/books.lua"

-- args: books, a generation: no key of an older one is left
define('swept', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local before = tonumber(call('HGET', keys[1], 'swept') or '0')
  call('HSET', keys[1], 'swept', max(before, tonumber(args[2])))
  return 0
end)
