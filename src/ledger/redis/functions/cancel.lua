--- @include "includes/action-log.lua"
--- @include "includes/batch.lua"

-- The replies are `CANCEL_REPLIES` in actions.ts.
local CANCELLED, BEFORE, UNKNOWN, OTHER_SUM, MAY_BE_SENT, FINISHED = '\0', '\1', '\2', '\3', '\4', '\5'
-- Some payments have owners whose sets are not among the keys; they follow, 6 B each. Nothing was written.
local UNDECLARED = '\255'
local NO_OWNER = '\0\0\0\0\0\0'

-- The same as cancelProblem in actions.ts. Nil: it is cancelled.
local function problem_of(entry, amount)
  if not entry or is_awaited(entry) then return amount == NO_AMOUNT and UNKNOWN or nil end
  local state = byte(entry) % OTHER_AMOUNT
  if amount ~= NO_AMOUNT and sub(entry, 17, 23) ~= amount then return OTHER_SUM end
  if state == REJECTED and sub(entry, 2, 2) == NO_PROCESSOR then return BEFORE end
  if state == ACCEPTED or state == ON_HOLD then return nil end
  return state == DISPATCHED and MAY_BE_SENT or FINISHED
end

-- The entry of a payment that is cancelled at a time.
local function cancelled(entry, amount, at, reason)
  if not entry or is_awaited(entry) then
    return char(REJECTED) .. NO_PROCESSOR .. '\0\0' .. at .. at .. amount .. '\0' .. reason
  end
  local state = byte(entry) % OTHER_AMOUNT
  return char(byte(entry) - state + REJECTED) .. sub(entry, 2, 4) .. at .. sub(entry, 11, 24)
    .. sub(entry, state == ACCEPTED and 31 or 25) .. reason
end

-- Takes the payment from where it waits.
local function leave(books, id, entry)
  if byte(entry) % OTHER_AMOUNT == ON_HOLD then
    call('ZREM', held_set(books), id)
  else
    call('ZREM', owner_set(books, sub(entry, 25, 30)), id)
  end
end

-- args: books, places, owners whose sets are among the keys (6 B each), the action as JSON, how many actions are kept, the time
-- (6 B), the reason, ids with amounts (16 B and 7 B each; 0: none is given), and `events` if they are kept. The third key is
-- the log. Returns one byte for each id, or HELD.
define('cancel', function(keys, args)
  local at, reason, payments, replies = args[6], args[7], args[8], {}
  local books, problem = open_places(keys, args)
  if not books then return problem end
  local frozen = refuse_frozen(books)
  if frozen then return frozen end
  local batch = new_batch(NO_OWNER, args[3], args[9])
  local owners = undeclared_owners(books, batch, payments, 23)
  if owners ~= '' then return UNDECLARED .. owners end
  for position = 1, #payments, 23 do
    local id, amount = unpack('>c16c7', payments, position)
    local entry = get_entry(books, id)
    local reply = problem_of(entry, amount)
    if not reply then
      if entry then leave(books, id, entry) else batch.new = batch.new + 1 end
      local finished = cancelled(entry, amount, at, reason)
      put_entry(books, id, finished)
      report_finished(batch, id, NO_AMOUNT, finished)
      batch.rejected[#batch.rejected + 1] = id
      reply = CANCELLED
    end
    replies[#replies + 1] = reply
  end
  log_action(books, keys[3], args[4], batch.rejected, tonumber(args[5]))
  write_batch(books, batch)
  return concat(replies)
end)
