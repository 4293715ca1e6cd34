--- @include "includes/batch.lua"
--- @include "includes/owners.lua"

-- The replies are `RESTORE_REPLIES` in restore.ts. HELD is as in claim.lua.
local RESTORED, KNOWN, DIFFERENT, HELD, UNCOUNTED, FORGOTTEN = '\0', '\1', '\2', '\3', '\4', '\5'

-- Settled and rejected exclude each other. What is held may be released, and the other way round.
local function rank(state)
  return state == ON_HOLD and ACCEPTED or math.min(state, SETTLED)
end

-- What becomes of an entry whose id the books have: the same as restoreDecision in restored-entry.ts. Nil: it is replaced.
local function decide(books, id, known, head, other)
  local first, state = byte(known), byte(head)
  local before = first % OTHER_AMOUNT
  if is_awaited(head) then return KNOWN end
  if is_awaited(known) then return nil end
  if sub(known, 17, 23) ~= sub(head, 17, 23) then return DIFFERENT end
  if before == state and sub(known, 2, 2) == sub(head, 2, 2) and sub(known, 5, 10) == sub(head, 5, 10) then
    if first >= OTHER_AMOUNT or other == '' then return KNOWN end
    note_other_amount(books, id, known, other)
    return RESTORED
  end
  if rank(before) > rank(state) then return KNOWN end
  if before == SETTLED or before == REJECTED or not books.frozen then return DIFFERENT end
  return nil
end

-- What becomes of an entry whose id the books do not have: the same as unknownDecision in restored-entry.ts.
local function decide_unknown(books, head)
  if books.is_filling then return RESTORED end
  local state, requested_at_ms, accepted_at_ms = byte(head), unpack('>I6I6', head, 5)
  if state == SETTLED then return requested_at_ms < books.folded_seconds_ms and UNCOUNTED or RESTORED end
  local is_old = max(requested_at_ms, accepted_at_ms) < books.folded_seconds_ms
  return is_old and state ~= REJECTED and not is_awaited(head) and FORGOTTEN or RESTORED
end

-- `rest` is what an entry has behind the other amount.
local function restore(books, batch, id, head, other, charged, rest)
  local known, state = get_entry(books, id), byte(head)
  if other == NO_AMOUNT then other = '' end
  local outcome = known and RESTORED or decide_unknown(books, head)
  if outcome == FORGOTTEN then return outcome end
  if known then
    local reply = decide(books, id, known, head, other)
    if reply then return reply end
    local rest_at = 25
    if byte(known) % OTHER_AMOUNT == ON_HOLD then
      call('ZREM', held_set(books), id)
    else
      local holder = sub(known, 25, 30)
      if holder ~= batch.owner and not is_declared(batch, holder) then
        batch.undeclared[#batch.undeclared + 1] = holder
        return HELD
      end
      call('ZREM', owner_set(books, holder), id)
      rest_at = 31
    end
    if byte(known) >= OTHER_AMOUNT then other = sub(known, rest_at, rest_at + 6) end
  end
  if not known then batch.new = batch.new + 1 end
  local is_owned = state < SETTLED
  local entry = char(state + (other == '' and 0 or OTHER_AMOUNT)) .. sub(head, 2)
    .. (is_owned and batch.owner or '') .. other .. rest
  put_entry(books, id, entry)
  -- What the totals have already is not told; it is nearly always the amount.
  if state == SETTLED or state == REJECTED then
    report_finished(batch, id, charged == NO_AMOUNT and sub(head, 17, 23) or charged, entry)
  end
  if is_owned then batch.taken[#batch.taken + 1] = id end
  if state == REJECTED then batch.rejected[#batch.rejected + 1] = id end
  if state == ON_HOLD then call('ZADD', held_set(books), 0, id) end
  if state == SETTLED and charged ~= NO_AMOUNT and outcome == RESTORED then
    charge(batch, sub(head, 2, 2), sub(head, 5, 10), charged, NO_FEE)
  end
  return outcome
end

-- args: books, places, payload (restore.ts), other owners whose sets are among the keys (6 B each), and `events` if they are
-- kept. Returns one byte for each entry, then 6 B for each that was answered HELD: its owner.
define('restore', function(keys, args)
  local payload = args[3]
  local owner, count, at = unpack('>c6I4', payload)
  local number = unpack('>I6', owner)
  local books, problem = open_places(keys, args, number)
  if not books then return problem end
  local gone = refuse_taken_over(books, 'restored entries')
  if gone then return gone end
  local status = call('HGET', books.meta, 'status')
  books.is_filling = status and status ~= '' and cjson.decode(status).kind == 'filling'
  local batch, replies = new_batch(owner, args[4], args[5]), {}
  for _ = 1, count do
    local id, head, other, charged, length
    id, head, other, charged, length, at = unpack('>c16c24c7c7I2', payload, at)
    replies[#replies + 1] = restore(books, batch, id, head, other, charged, sub(payload, at, at + length - 1))
    at = at + length
  end
  write_batch(books, batch)
  return concat(replies) .. concat(batch.undeclared)
end)
