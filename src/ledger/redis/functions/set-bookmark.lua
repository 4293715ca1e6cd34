--- @include "includes/outbox.lua"

-- args: books, name, version (double), text, then events for the outbox. Returns 1, or 0 and changes nothing if it has this
-- version or a later one.
define('setBookmark', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local field = 'b:' .. args[2]
  local before = call('HGET', keys[1], field)
  if before and unpack('>d', before) >= unpack('>d', args[3]) then return 0 end
  call('HSET', keys[1], field, args[3] .. args[4])
  append_events(books, { spread(args, 5) })
  return 1
end)
