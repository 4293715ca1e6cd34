--- @include "includes/entries.lua"

-- The unfinished entries of `owner` among these ids, except those at processors that the caller does not know.
local function to_take(books, ids, owner, known, limit)
  local shown = {}
  for _, id in ipairs(ids) do
    if #shown == limit then break end
    local entry = get_entry(books, id)
    if entry and is_unfinished(entry) and sub(entry, 25, 30) == owner
      and not is_at_unknown_processor(entry, owner, known) then
      shown[#shown + 1] = id
    end
  end
  return shown
end

-- args: books, owner (6 B), limit, numbers of the processors that the caller knows (1 B each). Returns the ids of up to
-- `limit` entries that can be taken over.
define('held', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local key, limit = owner_set(books, args[2]), tonumber(args[3])
  -- At random, so that several successors rarely choose the same.
  local shown = to_take(books, call('ZRANDMEMBER', key, limit), args[2], args[4], limit)
  if #shown < limit and call('ZCARD', key) > limit then
    shown = to_take(books, call('ZRANGE', key, 0, -1), args[2], args[4], limit)
  end
  return concat(shown)
end, READS)
