--- @include "includes/batch.lua"

-- Duplicate claims. After Redis lost a claim, another owner may claim the payment for another processor before the lost
-- claim is restored. Then both processors may have charged. The restored claim is kept as a duplicate: if its owner
-- settles it, the books count that charge as well.
--
-- | field                               | value                                                                    |
-- |-------------------------------------|--------------------------------------------------------------------------|
-- | id (16 B), processor number (1 B)   | owner (6 B) that may settle it; 0 once counted, so that it is not        |
-- |                                     | counted again if the entry itself is settled at that processor later     |
local COUNTED = '\0\0\0\0\0\0'

-- Keeps a claim as a duplicate of `entry`. A processor charges a payment once no matter who sends it, so a claim for
-- the processor of the entry is not a duplicate.
local function keep_duplicate(books, id, processor, owner, entry)
  if processor == NO_PROCESSOR or processor == sub(entry, 2, 2) then return end
  local key, field = books.prefix .. 'x', id .. processor
  if call('HGET', key, field) ~= COUNTED then call('HSET', key, field, owner) end
end

-- Whether a duplicate was already counted for that processor. Removes the duplicate: its entry is being settled.
local function is_counted(books, batch, id, processor)
  local duplicates = books.prefix .. 'x'
  if batch.has_duplicates == nil then batch.has_duplicates = call('EXISTS', duplicates) == 1 end
  if not batch.has_duplicates then return false end
  local duplicate = call('HGET', duplicates, id .. processor)
  if duplicate then call('HDEL', duplicates, id .. processor) end
  return duplicate == COUNTED
end
