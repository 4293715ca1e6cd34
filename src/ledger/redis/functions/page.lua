--- @include "includes/entries.lua"

-- How many hashes one page reads at most, whether they have entries or not.
local HASHES_A_PAGE = 1024

-- The same as mayHaveBeenSent in ledger.ts.
local function may_have_been_sent(entry, from, to)
  if unpack('>I6', entry, 11) > to then return false end
  local state = byte(entry) % OTHER_AMOUNT
  return state < SETTLED or state == ON_HOLD or unpack('>I6', entry, 5) >= from
end

-- The 32 bits of a number in the opposite order.
local function reversed(number)
  local result = 0
  for _ = 1, 32 do
    result, number = result * 2 + number % 2, floor(number / 2)
  end
  return result
end

-- Pages go through the ids in the order of their scattered numbers with the bits reversed: a hash that is split in two leaves
-- its range of that order to both, so that what came before a page is never after it.
--
-- It may start within the range of a hash, whose entries from before that come on no page.
--
-- args: books, fromMs, toMs, where in that order to start, and how many entries to read at least.
-- Returns where the next page starts ('' after the last), then id, entry, id, entry, ...
define('page', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local from, to = tonumber(args[2]), tonumber(args[3])
  local at, limit = tonumber(args[4]), tonumber(args[5])
  local level = books.level
  local hashes, looked, shown = 0, 0, { '' }
  while at < 2 ^ 32 and hashes < HASHES_A_PAGE and looked < limit do
    local hash = hash_of(books, reversed(at))
    local entries = call('HGETALL', hash_key(books, hash))
    local is_split = hash >= level or hash < books.hashes - level
    local range = 2 ^ 32 / (is_split and 2 * level or level)
    local is_whole = at % range == 0
    for index = 2, #entries, 2 do
      local id, entry = entries[index - 1], unpacked(entries[index])
      if may_have_been_sent(entry, from, to) and (is_whole or reversed((unpack('>I4', id))) >= at) then
        shown[#shown + 1] = id
        shown[#shown + 1] = entry
      end
    end
    at = (floor(at / range) + 1) * range
    hashes, looked = hashes + 1, looked + #entries / 2
  end
  if at < 2 ^ 32 then shown[1] = string.format('%.0f', at) end
  return shown
end, READS)
