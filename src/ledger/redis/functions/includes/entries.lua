--- @include "includes/hashes.lua"

-- Entries: one for each payment.
--
-- | entry   | bytes | field                                                                                |
-- |---------|-------|--------------------------------------------------------------------------------------|
-- | 1       | 1     | state: 1 accepted, 2 dispatched, 3 settled, 4 rejected, 5 held by an operator; plus  |
-- |         |       | 16 with another amount                                                               |
-- | 2       | 1     | processor number, 0 while accepted or held, and if it was cancelled                  |
-- | 3       | 2     | attempts, stops at 65535                                                             |
-- | 5       | 6     | requestedAtMs; when it was cancelled, if it was                                      |
-- | 11      | 6     | acceptedAtMs                                                                         |
-- | 17      | 7     | amountCents; 0 if a held payment is awaited (`isAwaited` in actions.ts)              |
-- | 24      | 1     | how: the code of core/attempt.ts, plus 128 if there are earlier attempts             |
-- | 25      | 6     | owner, only while accepted or dispatched                                             |
-- | 25 / 31 | 7     | the other amount, if any                                                             |
-- | then    |       | earlier attempts, if any: how many (1 B), then processor number (1 B), how (1 B) and |
-- |         |       | requestedAtMs (6 B) of each, oldest first                                            |
-- | then    | rest  | reason, UTF-8, if rejected                                                           |
--
-- Nearly all are finished, and are stored packed if they were sent once, soon after they were accepted, and are not huge:
--
-- | packed  | bytes | field                                                                                |
-- |---------|-------|--------------------------------------------------------------------------------------|
-- | 1       | 1     | state, plus 32                                                                       |
-- | 2       | 1     | processor number                                                                     |
-- | 3       | 6     | requestedAtMs                                                                        |
-- | 9       | 3     | requestedAtMs - acceptedAtMs                                                         |
-- | 12      | 4     | amountCents                                                                          |
-- | 16      | rest  | as above, from 24 on                                                                 |
local ACCEPTED, DISPATCHED, SETTLED, REJECTED, ON_HOLD = 1, 2, 3, 4, 5
local OTHER_AMOUNT = 16
local NO_PROCESSOR, NEVER, NO_AMOUNT = '\0', '\0\0\0\0\0\0', '\0\0\0\0\0\0\0'
local MOST_ATTEMPTS = 65535
local HAS_EARLIER = 128
local ATTEMPT_BYTES, MOST_EARLIER = 8, 8
-- The code of an outcome comes before the three bits of the reason.
local OUTCOME = 8
local PACKED = 32

local function unpacked(entry)
  local first = byte(entry)
  if first < PACKED then return entry end
  local requested_at, lag = unpack('>I6I3', entry, 3)
  return char(first - PACKED) .. sub(entry, 2, 2) .. '\0\1' .. sub(entry, 3, 8) .. pack('>I6', requested_at - lag)
    .. '\0\0\0' .. sub(entry, 12)
end

local function packed(entry)
  local first = byte(entry)
  if first % OTHER_AMOUNT < SETTLED or sub(entry, 3, 4) ~= '\0\1' or sub(entry, 17, 19) ~= '\0\0\0' then return entry end
  local requested_at, accepted_at = unpack('>I6I6', entry, 5)
  local lag = requested_at - accepted_at
  if lag < 0 or lag >= 2 ^ 24 then return entry end
  return char(first + PACKED) .. sub(entry, 2, 2) .. sub(entry, 5, 10) .. pack('>I3', lag) .. sub(entry, 20)
end

-- The key of the hash that holds an id. What is read is often written next, so the last one is kept; books.keyed_hashes is
-- how many hashes there were then.
local function entry_key(books, id)
  if books.keyed_id ~= id or books.keyed_hashes ~= books.hashes then
    books.keyed_id, books.keyed_hashes = id, books.hashes
    books.key = hash_key(books, hash_of(books, (unpack('>I4', id))))
  end
  return books.key
end

-- The entry of an id, or false.
local function get_entry(books, id)
  local entry = call('HGET', entry_key(books, id), id)
  return entry and unpacked(entry)
end

local function put_entry(books, id, entry)
  call('HSET', entry_key(books, id), id, packed(entry))
end

-- Whether the entry, which must not be packed, was written: it is not if there is one.
local function add_entry(books, id, entry)
  return call('HSETNX', entry_key(books, id), id, entry) == 1
end

-- Whether it is accepted or dispatched, and so has an owner.
local function is_unfinished(entry)
  return byte(entry) % OTHER_AMOUNT < SETTLED
end

-- Whether the books only know that the payment is to be held.
local function is_awaited(entry)
  return byte(entry) == ON_HOLD and sub(entry, 17, 23) == NO_AMOUNT
end

-- Whether `owner` (6 B) sent the entry to a processor whose number is not in the string `known`.
local function is_at_unknown_processor(entry, owner, known)
  return byte(entry) % OTHER_AMOUNT == DISPATCHED and sub(entry, 25, 30) == owner
    and not string.find(known, sub(entry, 2, 2), 1, true)
end

-- Notes that the id was posted with another amount; only the first such amount is kept.
local function note_other_amount(books, id, entry, amount)
  local first = byte(entry)
  if first >= OTHER_AMOUNT then return end
  local fixed = first < SETTLED and 30 or 24
  put_entry(books, id, char(first + OTHER_AMOUNT) .. sub(entry, 2, fixed) .. amount .. sub(entry, fixed + 1))
end
