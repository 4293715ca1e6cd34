--- @include "includes/entries.lua"
--- @include "includes/owners.lua"

-- Restoring writes that Redis acknowledged and lost (labels.lua). The last argument of each `restore` function is the
-- generation of the label.

local NO_SESSION, NO_WORKER = '\0\0\0\0\0\0\0\0\0\0\0\0', '\0\0'

-- Whether the books were purged after the write.
local function is_purged(books, args)
  return tonumber(args[#args]) < books.generation
end

-- Makes sure that a takeover finds the owner of a restored entry: it has a row, and is not marked as handed over.
local function keep_owner(books, owner)
  local row = call('HGET', books.meta, 'o:' .. owner)
  if not row then
    call('HSET', books.meta, 'o:' .. owner, pack('>d', 0) .. NO_SESSION .. FENCED .. NO_WORKER)
  elseif sub(row, 21, 21) == HANDED_OVER then
    fence(books, owner, row, FENCED)
  end
end

-- Notes the other amount that was restored before its entry. Call it once the entry is restored.
local function recall_other_amount(books, id)
  local amount = call('HGET', books.prefix .. 'y', id)
  local key, field = entry_place(books, id)
  local entry = amount and call('HGET', key, field)
  if not entry then return end
  call('HDEL', books.prefix .. 'y', id)
  if sub(entry, 17, 23) ~= amount then note_other_amount(key, field, entry, byte(entry), amount) end
end
