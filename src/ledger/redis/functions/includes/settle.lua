--- @include "includes/batch.lua"
--- @include "includes/duplicates.lua"

-- Settling. The replies are `SETTLE_REPLIES` in ledger.ts.
local RECORDED, SETTLE_FENCED = '\0', '\1'

-- Writes the final state of an entry, and charges it if it is settled.
local function finish(books, batch, id, key, field, entry, state, processor, stamp, amount, reason)
  local first = byte(entry)
  call('HSET', key, field, char(first - first % OTHER_AMOUNT + state) .. processor .. sub(entry, 3, 4) .. stamp
    .. sub(entry, 11, 23) .. sub(entry, 30) .. reason)
  if state == SETTLED and not is_counted(books, batch, id, processor) then
    charge(batch, processor, stamp, amount)
  end
  return RECORDED
end

-- Settles a duplicate claim; without one, the settlement does not belong to this owner.
local function settle_duplicate(books, batch, id, state, processor, stamp, amount)
  local key, field = books.prefix .. 'x', id .. processor
  if call('HGET', key, field) ~= batch.owner then return SETTLE_FENCED end
  if state == SETTLED then
    call('HSET', key, field, COUNTED)
    charge(batch, processor, stamp, amount)
  else
    call('HDEL', key, field)
  end
  return RECORDED
end
