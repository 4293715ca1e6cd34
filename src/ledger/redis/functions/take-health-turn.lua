--- @include "includes/health.lua"

-- args: books, processor number, the last turn that the caller knows (double), the next turn (double).
-- Returns '' if the caller got the next turn, or else the later turn (double) that another has taken.
define('takeHealthTurn', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local row = call('HGET', books.root .. 'health', args[2]) or NO_HEALTH
  if unpack('>d', row) > unpack('>d', args[3]) then return sub(row, 1, 8) end
  call('HSET', books.root .. 'health', args[2], args[4] .. sub(row, 9))
  return ''
end)
