--- @include "includes/labels.lua"
--- @include "includes/owners.lua"

-- args: books, session, leaseUntilMs (double), worker id
define('acquireLease', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local owner = call('HINCRBY', keys[1], 'owner', 1)
  call('HSET', keys[1], 'o:' .. owner, args[3] .. args[2] .. ALIVE .. args[4])
  return acknowledged(books, owner)
end)
