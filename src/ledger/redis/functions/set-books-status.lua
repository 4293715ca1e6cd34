--- @include "includes/books.lua"

-- args: books, status as JSON, why the books are frozen ('' if they are not)
define('setBooksStatus', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  call('HSET', keys[1], 'status', args[2])
  if args[3] == '' then call('HDEL', keys[1], 'frozen') else call('HSET', keys[1], 'frozen', args[3]) end
  return 0
end)
