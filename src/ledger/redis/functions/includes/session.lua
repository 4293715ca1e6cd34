--- @include "includes/owners.lua"

-- Sessions. A session is 8 random bytes of a gateway's ledger and the number of its connection (4 B). When a ledger
-- replaces a connection, commands that Redis has not read yet from the old one must not run after those of the new one:
-- functions that act for an owner refuse an older connection than the last one seen.

-- Records the session of an owner's call. Returns false if a newer connection of the same ledger has called before.
local function accept_session(books, owner, row, session)
  local seen = sub(row, 9, 20)
  if seen == session then return true end
  if sub(seen, 1, 8) == sub(session, 1, 8) and unpack('>I4', seen, 9) > unpack('>I4', session, 9) then
    return false
  end
  call('HSET', books.meta, 'o:' .. owner, sub(row, 1, 8) .. session .. sub(row, 21))
  return true
end

local function stale_session()
  return redis.error_reply('STALE a newer connection has replaced this one')
end
