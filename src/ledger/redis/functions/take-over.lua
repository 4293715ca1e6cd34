--- @include "includes/entries.lua"
--- @include "includes/labels.lua"
--- @include "includes/session.lua"

-- The unfinished entries of `owner` (6 B) among these ids: id, entry, id, entry, ...
local function unfinished_entries(books, ids, owner)
  local shown = {}
  for _, id in ipairs(ids) do
    local entry = call('HGET', entry_place(books, id))
    if entry and byte(entry) % OTHER_AMOUNT < SETTLED and sub(entry, 24, 29) == owner then
      shown[#shown + 1] = id
      shown[#shown + 1] = entry
    end
  end
  return shown
end

-- The ids that `to` got last, if they came from `from`.
local function last_page(books, from, to)
  local page = call('GET', books.prefix .. 'p:' .. unpack('>I6', to)) or ''
  local ids = {}
  if sub(page, 1, 6) ~= from then return ids end
  for at = 7, #page, 16 do ids[#ids + 1] = sub(page, at, at + 15) end
  return ids
end

local function hand_over(books, ids, from, to)
  local shown = unfinished_entries(books, ids, from)
  for index = 2, #shown, 2 do
    local key, field = entry_place(books, shown[index - 1])
    shown[index] = sub(shown[index], 1, 23) .. to .. sub(shown[index], 30)
    call('HSET', key, field, shown[index])
  end
  in_slices('SADD', books.prefix .. 'o:' .. unpack('>I6', to), ids)
  call('SET', books.prefix .. 'p:' .. unpack('>I6', to), from .. concat(ids))
  return shown
end

-- Removes up to `limit` ids from the set of an owner, except entries at processors that the successor does not know.
-- Returns the ids, and whether any are left.
local function pop_entries(books, from, limit, known)
  local key = books.prefix .. 'o:' .. unpack('>I6', from)
  local ids, excluded = {}, {}
  while #ids < limit do
    local popped = call('SPOP', key, limit - #ids)
    if #popped == 0 then break end
    for _, id in ipairs(popped) do
      local entry = call('HGET', entry_place(books, id))
      local list = entry and is_at_unknown_processor(entry, from, known) and excluded or ids
      list[#list + 1] = id
    end
  end
  in_slices('SADD', key, excluded)
  return ids, call('EXISTS', key) == 1
end

-- args: books, session, from (6 B), to (6 B), limit, ifNotRenewedMs (double), '1' if the last reply was lost,
-- numbers of the processors that the successor knows (1 B each). Returns id, entry, id, entry, ...
define('takeOver', function(keys, args)
  local from, to = args[3], args[4]
  local from_owner, to_owner = unpack('>I6', from), unpack('>I6', to)
  local books, problem = open_books(keys, args, to_owner)
  if not books then return problem end
  local to_row = books.owner_row
  if not to_row or not is_alive(to_row) then return acknowledged(books, {}) end
  if not accept_session(books, to_owner, to_row, args[2]) then return stale_session() end
  if args[7] == '1' then
    local shown = unfinished_entries(books, last_page(books, from, to), to)
    if #shown > 0 then return acknowledged(books, shown) end
  end
  local row = call('HGET', keys[1], 'o:' .. from_owner)
  if not row or unpack('>d', row) > unpack('>d', args[6]) then return acknowledged(books, {}) end
  local ids, has_more = pop_entries(books, from, tonumber(args[5]), args[8])
  if #ids > 0 or has_more then
    fence(books, from_owner, row, has_more and FENCED or HANDED_OVER)
  else
    call('HDEL', keys[1], 'o:' .. from_owner)
  end
  if #ids > 0 then return acknowledged(books, hand_over(books, ids, from, to)) end
  call('DEL', books.prefix .. 'p:' .. to_owner)
  return acknowledged(books, {})
end)
