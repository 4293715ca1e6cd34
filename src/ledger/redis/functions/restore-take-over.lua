--- @include "includes/duplicates.lua"
--- @include "includes/labels.lua"
--- @include "includes/restore.lua"

-- Restores an entry as it was handed over, unless it was claimed again since. If a second successor took it over from
-- the first and was restored earlier, the entry stays with the first, which is fenced and so taken over again.
local function restore_handed_over(books, id, shown, from, to)
  local key, field = entry_place(books, id)
  local entry, holder = call('HGET', key, field), from
  if entry then
    local state = byte(entry) % OTHER_AMOUNT
    holder = sub(entry, 24, 29)
    local is_older = unpack('>I2', entry, 3) <= unpack('>I2', shown, 3)
    -- An accepted entry was not sent yet, so it goes to the owner that claimed it.
    if state >= SETTLED or not is_older or (holder ~= from and state ~= ACCEPTED) then
      if holder ~= to then keep_duplicate(books, id, sub(shown, 2, 2), to, entry) end
      return
    end
  elseif unpack('>I6', shown, 11) < books.purged_at then
    return
  end
  call('HSET', key, field, shown)
  call('SREM', books.prefix .. 'o:' .. unpack('>I6', holder), id)
  call('SADD', books.prefix .. 'o:' .. unpack('>I6', to), id)
  recall_other_amount(books, id)
end

-- args: books, from (6 B), to (6 B), id, entry, id, entry, ..., generation
define('restoreTakeOver', function(keys, args)
  local from, to = args[2], args[3]
  local from_owner = unpack('>I6', from)
  local books, problem = open_books(keys, args, from_owner)
  if not books then return problem end
  -- The former owner stays, even without entries: other gateways may still restore its entries, or its row.
  if books.owner_row then
    fence(books, from_owner, books.owner_row, FENCED)
  else
    keep_owner(books, from_owner)
  end
  if not is_purged(books, args) then
    keep_owner(books, unpack('>I6', to))
    for at = 4, #args - 2, 2 do restore_handed_over(books, args[at], args[at + 1], from, to) end
  end
  return acknowledged(books, 0)
end, ALLOW_OOM)
