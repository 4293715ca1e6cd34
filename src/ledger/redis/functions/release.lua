--- @include "includes/action-log.lua"
--- @include "includes/batch.lua"
--- @include "includes/owners.lua"

-- The replies are `RELEASE_REPLIES` in actions.ts.
local RELEASED, NOT_HELD = '\0', '\1'

local function release(books, batch, id)
  local entry = get_entry(books, id)
  if not entry or byte(entry) % OTHER_AMOUNT ~= ON_HOLD then return NOT_HELD end
  if is_awaited(entry) then
    call('HDEL', entry_key(books, id), id)
    batch.new = batch.new - 1
  else
    put_entry(books, id, char(byte(entry) - ON_HOLD + ACCEPTED) .. sub(entry, 2, 24) .. batch.owner .. sub(entry, 25))
    batch.taken[#batch.taken + 1] = id
  end
  return RELEASED
end

-- args: books, places, owner (6 B), the action as JSON, how many actions are kept, then ids. The third key is the owner's
-- set, the fourth the log. Returns one byte for each id.
define('release', function(keys, args)
  local owner, payments, replies, released = args[3], args[6], {}, {}
  local books, problem = open_places(keys, args, unpack('>I6', owner))
  if not books then return problem end
  local frozen = refuse_frozen(books)
  if frozen then return frozen end
  local gone = refuse_taken_over(books, 'these payments')
  if gone then return gone end
  local batch = new_batch(owner, '')
  for at = 1, #payments, 16 do
    local id = sub(payments, at, at + 15)
    local reply = release(books, batch, id)
    if reply == RELEASED then released[#released + 1] = id end
    replies[#replies + 1] = reply
  end
  in_slices('ZREM', held_set(books), released)
  log_action(books, keys[4], args[4], released, tonumber(args[5]))
  write_batch(books, batch)
  return concat(replies)
end)
