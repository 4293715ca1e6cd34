--- @include "includes/owners.lua"

-- args: books, owner, leaseUntilMs (double). Returns 1, or 0 if the owner is fenced.
define('renewLease', function(keys, args)
  local books, problem = open_books(keys, args, args[2])
  if not books then return problem end
  local row = books.owner_row
  if not row or not is_alive(row) then return 0 end
  call('HSET', keys[1], 'o:' .. args[2], args[3] .. sub(row, 9))
  return 1
end, ALLOW_OOM)
