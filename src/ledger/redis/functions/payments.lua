--- @include "includes/books.lua"

-- args: books. Returns how many payments the books hold.
define('payments', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  return call('HGET', keys[1], 'payments') or '0'
end, READS)
