--- @include "includes/books.lua"

-- args: books, day since the epoch. Returns field, counters, field, counters, ... as in includes/time-index.lua.
define('countersOfDay', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  return call('HGETALL', books.prefix .. 'c:' .. args[2])
end, READS)
