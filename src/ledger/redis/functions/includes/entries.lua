--- @include "includes/books.lua"

-- Entries: one for each payment. records.ts scatters an id so that its first two bytes, which choose the hash, are
-- evenly distributed for any kind of UUID.
--
-- | entry   | bytes | field                                                                                |
-- |---------|-------|--------------------------------------------------------------------------------------|
-- | 1       | 1     | state: 1 accepted, 2 dispatched, 3 settled, 4 rejected; plus 16 with another amount  |
-- | 2       | 1     | processor number, 0 while accepted                                                   |
-- | 3       | 2     | attempts, stops at 65535                                                             |
-- | 5       | 6     | requestedAtMs                                                                        |
-- | 11      | 6     | acceptedAtMs                                                                         |
-- | 17      | 7     | amountCents                                                                          |
-- | 24      | 6     | owner, only while accepted or dispatched                                             |
-- | 24 / 30 | 7     | the other amount, if any                                                             |
-- | then    | rest  | reason, UTF-8, if rejected                                                           |
local ACCEPTED, DISPATCHED, SETTLED = 1, 2, 3
local OTHER_AMOUNT = 16
local NO_PROCESSOR, NEVER = '\0', '\0\0\0\0\0\0'
local MOST_ATTEMPTS = 65535
local HASHES = 65536

-- The key of a hash, by its number.
local function hash_key(books, hash)
  return books.prefix .. 'e:' .. char(floor(hash / 256), hash % 256)
end

-- Key and field of an entry.
local function entry_place(books, id)
  return books.prefix .. 'e:' .. sub(id, 1, 2), sub(id, 3)
end

-- Whether it is accepted or dispatched, and so has an owner.
local function is_unfinished(entry)
  return byte(entry) % OTHER_AMOUNT < SETTLED
end

-- Whether `owner` (6 B) sent the entry to a processor whose number is not in the string `known`.
local function is_at_unknown_processor(entry, owner, known)
  return byte(entry) % OTHER_AMOUNT == DISPATCHED and sub(entry, 24, 29) == owner
    and not string.find(known, sub(entry, 2, 2), 1, true)
end

-- Notes that the id was posted with another amount; only the first such amount is kept.
local function note_other_amount(key, field, entry, first, amount)
  if first >= OTHER_AMOUNT then return end
  local fixed = first < SETTLED and 29 or 23
  call('HSET', key, field,
    char(first + OTHER_AMOUNT) .. sub(entry, 2, fixed) .. amount .. sub(entry, fixed + 1))
end
