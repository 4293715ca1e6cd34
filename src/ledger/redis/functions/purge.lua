--- @include "includes/labels.lua"
--- @include "includes/purge.lua"

-- args: books, purgedAtMs (double). Returns the new generation.
define('purge', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  purge_books(books, books.generation + 1, max(books.purged_at, (unpack('>d', args[2]))))
  return acknowledged(books, books.generation)
end)
