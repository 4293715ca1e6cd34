--- @include "includes/action-log.lua"
--- @include "includes/batch.lua"
--- @include "includes/owners.lua"

-- The replies are `REOPEN_REPLIES` in actions.ts.
local REOPENED, UNKNOWN, NOT_REJECTED, CHANGED, PERHAPS_CHARGED, FINAL = '\0', '\1', '\2', '\3', '\4', '\5'
-- The codes of `rejected` and `found-rejected` in core/attempt.ts.
local SAYS_REJECTED, FOUND_REJECTED = 3, 4

-- The entry once its payment is to be sent again: accepted, and its latest attempt one of those before.
local function reopened(entry, owner)
  local first, how = byte(entry), byte(entry, 24)
  local other = first >= OTHER_AMOUNT and sub(entry, 25, 31) or ''
  local at, earlier = 25 + #other, ''
  if how >= HAS_EARLIER then earlier = sub(entry, at + 1, at + ATTEMPT_BYTES * byte(entry, at)) end
  earlier = earlier .. sub(entry, 2, 2) .. char(how % HAS_EARLIER) .. sub(entry, 5, 10)
  earlier = sub(earlier, -MOST_EARLIER * ATTEMPT_BYTES)
  return char(first - REJECTED + ACCEPTED) .. NO_PROCESSOR .. sub(entry, 3, 4) .. NEVER .. sub(entry, 11, 23)
    .. char(HAS_EARLIER) .. owner .. other .. char(#earlier / ATTEMPT_BYTES) .. earlier
end

-- The same as reopenProblem in actions.ts.
local function reopen(books, batch, id, attempts)
  local entry = get_entry(books, id)
  if not entry then return UNKNOWN end
  if byte(entry) % OTHER_AMOUNT ~= REJECTED then return NOT_REJECTED end
  if sub(entry, 2, 2) == NO_PROCESSOR then return FINAL end
  if unpack('>I2', entry, 3) ~= attempts then return CHANGED end
  local outcome = floor(byte(entry, 24) % HAS_EARLIER / OUTCOME)
  if outcome ~= SAYS_REJECTED and outcome ~= FOUND_REJECTED then return PERHAPS_CHARGED end
  put_entry(books, id, reopened(entry, batch.owner))
  batch.taken[#batch.taken + 1] = id
  return REOPENED
end

-- args: books, places, owner (6 B), the action as JSON, how many actions are kept, then ids with attempts (16 B and 2 B each).
-- The third key is the owner's set, the fourth the log. Returns one byte for each id.
define('reopen', function(keys, args)
  local owner, payments, replies = args[3], args[6], {}
  local number = unpack('>I6', owner)
  local books, problem = open_places(keys, args, number)
  if not books then return problem end
  local frozen = refuse_frozen(books)
  if frozen then return frozen end
  local gone = refuse_taken_over(books, 'these payments')
  if gone then return gone end
  local batch = new_batch(owner, '')
  for at = 1, #payments, 18 do
    local id, attempts = unpack('>c16I2', payments, at)
    replies[#replies + 1] = reopen(books, batch, id, attempts)
  end
  in_slices('ZREM', rejected_set(books), batch.taken)
  log_action(books, keys[4], args[4], batch.taken, tonumber(args[5]))
  write_batch(books, batch)
  return concat(replies)
end)
