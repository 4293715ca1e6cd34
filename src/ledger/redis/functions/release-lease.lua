--- @include "includes/books.lua"

-- args: books, places, owner. An owner with unfinished entries stays, its lease expired, until it is taken over.
define('releaseLease', function(keys, args)
  local books, problem = open_places(keys, args, args[3])
  if not books then return problem end
  local row = books.owner_row
  if row and call('EXISTS', books.prefix .. 'o:' .. args[3]) == 1 then
    call('HSET', keys[1], 'o:' .. args[3], pack('>d', 0) .. sub(row, 9))
  elseif row then
    call('HDEL', keys[1], 'o:' .. args[3])
  end
  return 0
end, ALLOW_OOM)
