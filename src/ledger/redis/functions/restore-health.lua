--- @include "includes/health.lua"
--- @include "includes/labels.lua"

-- args: books, processor number, health row, generation
define('restoreHealth', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local before = call('HGET', books.root .. 'health', args[2]) or NO_HEALTH
  local turn = max(unpack('>d', before), (unpack('>d', args[3])))
  local latest = unpack('>d', args[3], 9) > unpack('>d', before, 9) and args[3] or before
  call('HSET', books.root .. 'health', args[2], pack('>d', turn) .. sub(latest, 9))
  return acknowledged(books, 0)
end, ALLOW_OOM)
