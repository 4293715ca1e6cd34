--- @include "includes/books.lua"

local LAYOUT = '2'
-- Of books that do not say which shard they are: they are older than shards.
local ONLY_SHARD = '0/1'

-- What a new connection must know:
-- { books, places, swept, shard }, { name, number, name, number, ... }.
local function read_registry(keys)
  local meta = call('HMGET', keys[1], 'layout', 'books', 'generation', 'swept', 'shard', 'hashes')
  local layout = meta[1] or LAYOUT
  if layout ~= LAYOUT then
    return redis.error_reply('LAYOUT the books in Redis have layout ' .. layout .. '; this gateway expects ' .. LAYOUT)
  end
  local places = (meta[3] or '0') .. ':' .. (meta[6] or FIRST_HASHES)
  local known = { meta[2] or '', places, meta[4] or '0', meta[5] or ONLY_SHARD }
  return { known, call('HGETALL', keys[2]) }
end
