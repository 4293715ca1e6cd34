--- @include "includes/books.lua"

-- args: books. Returns how many payments the books have, and how many of them are held.
define('payments', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  return { call('HGET', keys[1], 'payments') or '0', call('ZCARD', held_set(books)) }
end, READS)
