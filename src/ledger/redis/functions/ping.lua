--- @include "includes/books.lua"

-- args: books. Not declared as a read, so that Redis refuses it whenever it would refuse a commit.
define('ping', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  return 0
end)
