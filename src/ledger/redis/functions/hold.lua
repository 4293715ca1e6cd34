--- @include "includes/action-log.lua"
--- @include "includes/batch.lua"

-- The replies are `HOLD_REPLIES` in actions.ts.
local HELD, AWAITED, BEFORE, MAY_BE_SENT, FINISHED = '\0', '\1', '\2', '\3', '\4'
-- As in cancel.lua.
local UNDECLARED = '\255'
local NO_OWNER = '\0\0\0\0\0\0'

-- The same as holdProblem in actions.ts.
local function hold(books, batch, id, at)
  local entry = get_entry(books, id)
  if not entry then
    put_entry(books, id, char(ON_HOLD) .. NO_PROCESSOR .. '\0\0' .. NEVER .. at .. NO_AMOUNT .. '\0')
    batch.new = batch.new + 1
    return AWAITED
  end
  local first = byte(entry)
  local state = first % OTHER_AMOUNT
  if state == ON_HOLD then return BEFORE end
  if state == DISPATCHED then return MAY_BE_SENT end
  if state ~= ACCEPTED then return FINISHED end
  call('ZREM', owner_set(books, sub(entry, 25, 30)), id)
  put_entry(books, id, char(first - ACCEPTED + ON_HOLD) .. sub(entry, 2, 24) .. sub(entry, 31))
  return HELD
end

-- args: books, places, owners whose sets are among the keys (6 B each), the action as JSON, how many actions are kept, the
-- time (6 B), then ids. The third key is the log. Returns one byte for each id, or UNDECLARED.
define('hold', function(keys, args)
  local at, payments, replies, held = args[6], args[7], {}, {}
  local books, problem = open_places(keys, args)
  if not books then return problem end
  local frozen = refuse_frozen(books)
  if frozen then return frozen end
  local batch = new_batch(NO_OWNER, args[3])
  local owners = undeclared_owners(books, batch, payments, 16)
  if owners ~= '' then return UNDECLARED .. owners end
  for position = 1, #payments, 16 do
    local id = sub(payments, position, position + 15)
    local reply = hold(books, batch, id, at)
    if reply == HELD or reply == AWAITED then held[#held + 1] = id end
    replies[#replies + 1] = reply
  end
  add_ids(held_set(books), held)
  log_action(books, keys[3], args[4], held, tonumber(args[5]))
  write_batch(books, batch)
  return concat(replies)
end)
