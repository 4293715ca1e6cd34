--- @include "includes/entries.lua"

-- args: books, id
define('find', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  return get_entry(books, args[2])
end, READS)
