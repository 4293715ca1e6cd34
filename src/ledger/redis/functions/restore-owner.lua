--- @include "includes/labels.lua"
--- @include "includes/owners.lua"

-- args: books, owner, session, leaseUntilMs (double), worker id, generation
define('restoreOwner', function(keys, args)
  local books, problem = open_books(keys, args, args[2])
  if not books then return problem end
  if not books.owner_row then call('HSET', keys[1], 'o:' .. args[2], args[4] .. args[3] .. ALIVE .. args[5]) end
  return acknowledged(books, 0)
end, ALLOW_OOM)
