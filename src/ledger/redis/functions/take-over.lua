--- @include "includes/entries.lua"
--- @include "includes/session.lua"

local function hand_over(books, ids, from, to)
  local moved, shown = {}, {}
  for at = 1, #ids, 16 do
    local id = sub(ids, at, at + 15)
    local entry = get_entry(books, id)
    if entry and is_unfinished(entry) and sub(entry, 25, 30) == from then
      entry = sub(entry, 1, 24) .. to .. sub(entry, 31)
      put_entry(books, id, entry)
      moved[#moved + 1] = id
      shown[#shown + 1] = id
      shown[#shown + 1] = entry
    end
  end
  in_slices('ZREM', owner_set(books, from), moved)
  add_ids(owner_set(books, to), moved)
  return shown
end

-- What `to` holds of these ids.
local function held_already(books, ids, to, shown)
  for at = 1, #ids, 16 do
    local id = sub(ids, at, at + 15)
    local entry = get_entry(books, id)
    if entry and is_unfinished(entry) and sub(entry, 25, 30) == to then
      shown[#shown + 1] = id
      shown[#shown + 1] = entry
    end
  end
  return shown
end

-- args: books, places, session, from (6 B), to (6 B), ifNotRenewedMs (double), ids to take over (held.lua), ids of an
-- earlier call whose reply was lost. Returns id, entry, id, entry, ...; nil if `from` is alive or gone, `to` is not alive,
-- or the books are frozen.
define('takeOver', function(keys, args)
  local from, to = args[4], args[5]
  local from_owner, to_owner = unpack('>I6', from), unpack('>I6', to)
  local books, problem = open_places(keys, args, to_owner)
  if not books then return problem end
  if books.frozen then return nil end
  local to_row = books.owner_row
  if not to_row or not is_alive(to_row) then return nil end
  if not accept_session(books, to_owner, to_row, args[3]) then return stale_session() end
  local shown = held_already(books, args[8], to, {})
  local row = call('HGET', keys[1], 'o:' .. from_owner)
  if not row or unpack('>d', row) > unpack('>d', args[6]) then return #shown > 0 and shown or nil end
  for _, each in ipairs(hand_over(books, args[7], from, to)) do shown[#shown + 1] = each end
  if call('EXISTS', owner_set(books, from)) == 1 then
    fence(books, from_owner, row)
  else
    call('HDEL', keys[1], 'o:' .. from_owner)
  end
  return shown
end)
