--- @include "includes/claim.lua"
--- @include "includes/labels.lua"
--- @include "includes/session.lua"
--- @include "includes/settle.lua"

local function settle(books, batch, id, state, processor, stamp, amount, reason)
  local key, field = entry_place(books, id)
  local entry = call('HGET', key, field)
  if not entry then return SETTLE_FENCED end
  local before = byte(entry) % OTHER_AMOUNT
  if before >= SETTLED and before == state and sub(entry, 2, 2) == processor and sub(entry, 5, 10) == stamp then
    return RECORDED
  end
  if before ~= DISPATCHED or sub(entry, 24, 29) ~= batch.owner then
    return settle_duplicate(books, batch, id, state, processor, stamp, amount)
  end
  batch.released[#batch.released + 1] = id
  return finish(books, batch, id, key, field, entry, state, processor, stamp, amount, reason)
end

local function claim_fenced()
  return CLAIM_FENCED
end

-- args: books, payload (records.ts). Returns one byte for each settlement, then one for each claim.
define('commit', function(keys, args)
  local payload = args[2]
  local session, owner, settle_count, claim_count, at = unpack('>c12c6I4I4', payload)
  local number = unpack('>I6', owner)
  local books, problem = open_books(keys, args, number)
  if not books then return problem end
  local row = books.owner_row
  if row and not accept_session(books, number, row, session) then return stale_session() end
  local batch, replies = new_batch(owner), {}
  at = settle_all(books, batch, payload, at, settle_count, replies, settle)
  claim_all(books, batch, payload, at, claim_count, replies, row and is_alive(row) and claim or claim_fenced)
  write_batch(books, batch)
  return acknowledged(books, concat(replies))
end)
