--- @include "includes/books.lua"

local LAYOUT = '2'

-- What a new connection must know:
-- { books, places, swept }, { name, number, name, number, ... }.
local function read_registry(keys)
  local meta = call('HMGET', keys[1], 'layout', 'books', 'generation', 'swept', 'hashes')
  local layout = meta[1] or LAYOUT
  if layout ~= LAYOUT then
    return redis.error_reply('LAYOUT the books in Redis have layout ' .. layout .. '; this gateway expects ' .. LAYOUT)
  end
  local known = { meta[2] or '', (meta[3] or '0') .. ':' .. (meta[5] or FIRST_HASHES), meta[4] or '0' }
  return { known, call('HGETALL', keys[2]) }
end
