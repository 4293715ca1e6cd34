--- @include "includes/entries.lua"

-- How many hashes one page reads at most, whether they have entries or not.
local HASHES_A_PAGE = 1024

-- The same as mayHaveBeenSent in ledger.ts.
local function may_have_been_sent(entry, from, to)
  if unpack('>I6', entry, 11) > to then return false end
  return byte(entry) % OTHER_AMOUNT < SETTLED or unpack('>I6', entry, 5) >= from
end

-- args: books, fromMs, toMs, the hash to start with, and how many entries to read at least.
-- Returns the hash that the next page starts with ('' after the last), then id, entry, id, entry, ...
define('page', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local from, to = tonumber(args[2]), tonumber(args[3])
  local hash, limit = tonumber(args[4]), tonumber(args[5])
  local last, looked, shown = math.min(hash + HASHES_A_PAGE, HASHES), 0, { '' }
  while hash < last and looked < limit do
    local start = char(floor(hash / 256), hash % 256)
    local entries = call('HGETALL', books.prefix .. 'e:' .. start)
    for index = 2, #entries, 2 do
      if may_have_been_sent(entries[index], from, to) then
        shown[#shown + 1] = start .. entries[index - 1]
        shown[#shown + 1] = entries[index]
      end
    end
    hash, looked = hash + 1, looked + #entries / 2
  end
  if hash < HASHES then shown[1] = tostring(hash) end
  return shown
end, READS)
