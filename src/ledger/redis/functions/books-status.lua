--- @include "includes/books.lua"

-- args: books. Returns the status of the books as JSON (books-status.ts), or '' if it was never set.
define('booksStatus', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  return call('HGET', keys[1], 'status') or ''
end, READS)
