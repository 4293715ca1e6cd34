--- @include "includes/fees.lua"

-- args: books, places, then field, value, field, value, ... that replace the totals by processor and fee
define('restoreFees', function(keys, args)
  local books, problem = open_places(keys, args)
  if not books then return problem end
  call('UNLINK', fees_key(books))
  for index = 3, #args, 2 do call('HSET', fees_key(books), args[index], args[index + 1]) end
  return 0
end)
