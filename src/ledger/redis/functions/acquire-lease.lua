--- @include "includes/owners.lua"

-- args: books, session, leaseUntilMs (double), worker id
define('acquireLease', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  -- No number is smaller than the time in milliseconds, so that new books never give out an owner of former ones.
  local last, now_ms = tonumber(call('HGET', keys[1], 'owner') or '0'), floor(now_us() / 1000)
  local owner = string.format('%.0f', max(last + 1, now_ms))
  call('HSET', keys[1], 'owner', owner, 'o:' .. owner, args[3] .. args[2] .. ALIVE .. args[4])
  return owner
end)
