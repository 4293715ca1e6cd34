--- @include "includes/batch.lua"

-- Claiming. The replies are `CLAIM_REPLIES` in commit.ts. HELD: another owner has reserved the entry and its set is not among
-- the keys, so nothing was written; the caller claims it once more with that key, and whatever claims the same id after it.
local CLAIMED, KNOWN, CONFLICT, PURGED, CLAIM_FENCED, HELD = '\0', '\1', '\2', '\3', '\4', '\5'

-- The same as isPurged in commit.ts.
local WRONG_BY_MS = 60000
local function is_before_purge(books, detail)
  local requested_at, accepted_at = unpack('>I6I6', detail)
  return accepted_at < books.purged_at and books.purged_at <= max(accepted_at, requested_at) + WRONG_BY_MS
end

-- Writes a new entry. `detail` is requestedAtMs, acceptedAtMs and amountCents, laid out as in an entry.
local function claim_unknown(books, batch, id, processor, detail)
  if is_before_purge(books, detail) then return PURGED end
  local entry
  if processor == NO_PROCESSOR then
    entry = '\1\0\0\0' .. NEVER .. sub(detail, 7) .. batch.owner
  else
    entry = '\2' .. processor .. '\0\1' .. detail .. batch.owner
  end
  put_entry(books, id, entry)
  batch.taken[#batch.taken + 1] = id
  batch.new = batch.new + 1
  return CLAIMED
end

local function claim(books, batch, id, processor, detail)
  if batch.held[id] then return HELD end
  local entry = get_entry(books, id)
  if not entry then return claim_unknown(books, batch, id, processor, detail) end
  local first = byte(entry)
  local before = first % OTHER_AMOUNT
  if sub(entry, 17, 23) ~= sub(detail, 13) then
    note_other_amount(books, id, entry, sub(detail, 13))
    return CONFLICT
  end
  if before >= SETTLED then return KNOWN end
  local holder = sub(entry, 24, 29)
  if processor == NO_PROCESSOR then return holder == batch.owner and CLAIMED or KNOWN end
  if before == DISPATCHED and holder ~= batch.owner then return KNOWN end
  if holder ~= batch.owner and not is_declared(batch, holder) then
    batch.undeclared[#batch.undeclared + 1], batch.held[id] = holder, true
    return HELD
  end
  local stamp = sub(detail, 1, 6)
  -- The same processor and stamp mean that this commit is repeated; it is not another attempt.
  if before == DISPATCHED and sub(entry, 2, 2) == processor and sub(entry, 5, 10) == stamp then return CLAIMED end
  local attempts = math.min(unpack('>I2', entry, 3) + 1, MOST_ATTEMPTS)
  put_entry(books, id, char(first - before + DISPATCHED) .. processor .. pack('>I2', attempts) .. stamp
    .. sub(entry, 11, 23) .. batch.owner .. sub(entry, 30))
  if holder ~= batch.owner then
    call('ZREM', owner_set(books, holder), id)
    batch.taken[#batch.taken + 1] = id
  end
  return CLAIMED
end
