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

-- The code of the outcome by which a claim ends an attempt whose reply the caller never got: `not-sent` in core/attempt.ts.
local NOT_SENT = 10

-- Everything in an open entry behind its owner, with the attempt that a claim ends added to the earlier ones; and whether
-- there are any. `ended` is the stamp of the attempt that the caller reports, and the code of its outcome (1 B).
local function with_ended(entry, ended)
  local other = byte(entry) >= OTHER_AMOUNT and sub(entry, 31, 37) or ''
  local earlier = sub(entry, 32 + #other)
  if sub(entry, 2, 2) ~= NO_PROCESSOR then
    local stamp, outcome = sub(entry, 5, 10), byte(ended, 7)
    if outcome > 0 and sub(ended, 1, 6) ~= stamp then outcome = NOT_SENT end
    earlier = earlier .. sub(entry, 2, 2) .. char(byte(entry, 24) % OUTCOME + OUTCOME * outcome) .. stamp
    earlier = sub(earlier, -MOST_EARLIER * ATTEMPT_BYTES)
  end
  if earlier == '' then return other, false end
  return other .. char(#earlier / ATTEMPT_BYTES) .. earlier, true
end

-- Whether the id was not known, and is claimed now. `detail` is requestedAtMs, acceptedAtMs and amountCents, laid out as in an
-- entry.
local function claim_unknown(books, batch, id, processor, detail, why)
  local entry
  if processor == NO_PROCESSOR then
    entry = '\1\0\0\0' .. NEVER .. sub(detail, 7) .. '\0' .. batch.owner
  else
    entry = '\2' .. processor .. '\0\1' .. detail .. char(why) .. batch.owner
  end
  if not add_entry(books, id, entry) then return false end
  batch.taken[#batch.taken + 1] = id
  batch.new = batch.new + 1
  return true
end

local function claim(books, batch, id, processor, detail, why, ended)
  if batch.held[id] then return HELD end
  local is_purged = is_before_purge(books, detail)
  -- Nearly all are new, which one command writes.
  if not is_purged and claim_unknown(books, batch, id, processor, detail, why) then return CLAIMED end
  local entry = get_entry(books, id)
  if not entry then return PURGED end
  if is_awaited(entry) then
    if is_purged then return PURGED end
    put_entry(books, id, sub(entry, 1, 10) .. sub(detail, 7) .. sub(entry, 24))
    return KNOWN
  end
  local first = byte(entry)
  local before = first % OTHER_AMOUNT
  if sub(entry, 17, 23) ~= sub(detail, 13) then
    note_other_amount(books, id, entry, sub(detail, 13))
    return CONFLICT
  end
  if before >= SETTLED then return KNOWN end
  local holder = sub(entry, 25, 30)
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
  local rest, has_earlier = with_ended(entry, ended)
  put_entry(books, id, char(first - before + DISPATCHED) .. processor .. pack('>I2', attempts) .. stamp
    .. sub(entry, 11, 23) .. char(has_earlier and why + HAS_EARLIER or why) .. batch.owner .. rest)
  if holder ~= batch.owner then
    call('ZREM', owner_set(books, holder), id)
    batch.taken[#batch.taken + 1] = id
  end
  return CLAIMED
end
