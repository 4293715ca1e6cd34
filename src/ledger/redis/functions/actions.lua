--- @include "includes/books.lua"

-- args: books. Returns number, row, number, row, ... of the log of actions (action-log.lua).
define('actions', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  return call('HGETALL', books.root .. 'actions')
end, READS)
