--- @include "includes/claim.lua"
--- @include "includes/session.lua"
--- @include "includes/settle.lua"

local function claim_fenced()
  return CLAIM_FENCED
end

-- args: books, places, payload (records.ts), other owners whose sets are among the keys (6 B each), and `events` if they are
-- kept: then the outbox is among the keys, too.
-- Returns one byte for each settlement, then one for each claim, then 6 B for each claim that was answered HELD: its owner.
define('commit', function(keys, args)
  local payload = args[3]
  local session, owner, settle_count, claim_count, at = unpack('>c12c6I4I4', payload)
  local number = unpack('>I6', owner)
  local books, problem = open_places(keys, args, number)
  if not books then return problem end
  local frozen = refuse_frozen(books)
  if frozen then return frozen end
  local row = books.owner_row
  if row and not accept_session(books, number, row, session) then return stale_session() end
  local batch, replies = new_batch(owner, args[4], args[5]), {}
  for _ = 1, settle_count do
    local id, state, processor, stamp, amount, outcome, fee, length, reason
    id, state, processor, stamp, amount, outcome, fee, length, at = unpack('>c16Bc1c6c7Bc8I2', payload, at)
    reason = sub(payload, at, at + length - 1)
    at = at + length
    replies[#replies + 1] = settle(books, batch, id, state, processor, stamp, amount, outcome, fee, reason)
  end
  local claim_one = row and is_alive(row) and claim or claim_fenced
  for _ = 1, claim_count do
    local id, processor, detail, why, ended
    id, processor, detail, why, ended, at = unpack('>c16c1c19Bc7', payload, at)
    replies[#replies + 1] = claim_one(books, batch, id, processor, detail, why, ended)
  end
  write_batch(books, batch)
  return concat(replies) .. concat(batch.undeclared)
end)
