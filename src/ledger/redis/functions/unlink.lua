--- @include "includes/books.lua"

-- args: books. Removes the keys behind the first two.
define('unlink', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  for index = 3, #keys do call('UNLINK', keys[index]) end
  return 0
end, ALLOW_OOM)
