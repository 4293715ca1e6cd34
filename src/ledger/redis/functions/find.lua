--- @include "includes/entries.lua"

-- args: books, id
define('find', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  return call('HGET', entry_place(books, args[2]))
end, READS)
