--- @include "includes/batch.lua"

-- Settling. The replies are `SETTLE_REPLIES` in commit.ts.
local RECORDED, SETTLE_FENCED = '\0', '\1'

-- The same as isCountedAlready in retention.ts.
local function is_counted_already(books, entry, stamp)
  if stamp == sub(entry, 5, 10) then return false end
  local charged_at_ms = unpack('>I6', stamp)
  return charged_at_ms < books.folded_seconds_ms and charged_at_ms < unpack('>I6', entry, 11)
end

local function settle(books, batch, id, state, processor, stamp, amount, outcome, fee, reason)
  local entry = get_entry(books, id)
  if not entry then return SETTLE_FENCED end
  local first = byte(entry)
  local before = first % OTHER_AMOUNT
  if before >= SETTLED then
    local is_same = before == state and sub(entry, 2, 2) == processor and sub(entry, 5, 10) == stamp
    return is_same and RECORDED or SETTLE_FENCED
  end
  if before ~= DISPATCHED or sub(entry, 25, 30) ~= batch.owner then return SETTLE_FENCED end
  local finished = char(first - before + state) .. processor .. sub(entry, 3, 4) .. stamp
    .. sub(entry, 11, 23) .. char(byte(entry, 24) + OUTCOME * outcome) .. sub(entry, 31) .. reason
  put_entry(books, id, finished)
  report_finished(batch, id, amount, finished)
  batch.released[#batch.released + 1] = id
  if state ~= SETTLED then batch.rejected[#batch.rejected + 1] = id end
  if state == SETTLED and not is_counted_already(books, entry, stamp) then
    charge(batch, processor, stamp, amount, fee)
  end
  return RECORDED
end
