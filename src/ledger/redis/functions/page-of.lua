--- @include "includes/entries.lua"

-- Whether an id comes before another by its bytes. Lua itself would compare by the locale of the server.
local function is_before(one, other)
  local first, second, third = unpack('>I6I6I4', one)
  local other_first, other_second, other_third = unpack('>I6I6I4', other)
  if first ~= other_first then return first < other_first end
  if second ~= other_second then return second < other_second end
  return third < other_third
end

-- The first `limit` ids, in order, of those that several sets have after an id.
local function first_ids(sets, after, limit)
  local ids, low = {}, after == '' and '-' or '(' .. after
  for _, key in ipairs(sets) do
    for _, id in ipairs(call('ZRANGE', key, low, '+', 'BYLEX', 'LIMIT', 0, limit)) do ids[#ids + 1] = id end
  end
  if #sets > 1 then table.sort(ids, is_before) end
  return ids
end

local function owner_sets(books)
  local meta, sets = call('HGETALL', books.meta), {}
  for index = 1, #meta, 2 do
    if sub(meta[index], 1, 2) == 'o:' then sets[#sets + 1] = books.prefix .. meta[index] end
  end
  return sets
end

-- args: books, `open`, `held` or `rejected`, an id ('' for none), limit. Returns id, entry, id, entry, ... of up to `limit` entries
-- after that id.
define('pageOf', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local state, limit = args[2], tonumber(args[4])
  local sets = state == 'open' and owner_sets(books) or {}
  sets[#sets + 1] = state == 'rejected' and rejected_set(books) or held_set(books)
  local ids, shown = first_ids(sets, args[3], limit), {}
  for index = 1, math.min(#ids, limit) do
    shown[2 * index - 1] = ids[index]
    shown[2 * index] = get_entry(books, ids[index])
  end
  return shown
end, READS)
