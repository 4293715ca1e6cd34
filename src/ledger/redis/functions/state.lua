--- @include "includes/books.lua"

-- args: books. Returns what events report, as it is now: { processor number, health row, ... } and purgedAtMs (double).
define('state', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  return { call('HGETALL', books.root .. 'health'), pack('>d', books.purged_at) }
end, READS)
