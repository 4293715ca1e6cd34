--- @include "includes/books.lua"

-- args: books, name. Returns its version (double) and then its text, or ''.
define('bookmark', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  return call('HGET', keys[1], 'b:' .. args[2]) or ''
end, READS)
