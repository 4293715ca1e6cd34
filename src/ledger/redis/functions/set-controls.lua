--- @include "includes/outbox.lua"

-- args: books, version, controls of that version as JSON, then events for the outbox. Returns 1, or 0 and changes nothing if
-- the books have controls of this version or a later one. It must get through when Redis is out of memory, because a pause may be urgent.
define('setControls', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  if tonumber(call('HGET', keys[1], 'controlsVersion') or '0') >= tonumber(args[2]) then return 0 end
  call('HSET', keys[1], 'controlsVersion', args[2], 'controls', args[3])
  append_events(books, { spread(args, 4) })
  return 1
end, ALLOW_OOM)
