--- @include "includes/books.lua"

-- args: books, the last turn that the caller knows. Returns the latest turn and whether the caller got it.
define('takeUpkeepTurn', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local turn, last_turn = tonumber(call('HGET', keys[1], 'upkeepTurn') or '0'), tonumber(args[2])
  if turn > last_turn then return { turn, 0 } end
  call('HSET', keys[1], 'upkeepTurn', last_turn + 1)
  return { last_turn + 1, 1 }
end, ALLOW_OOM)
