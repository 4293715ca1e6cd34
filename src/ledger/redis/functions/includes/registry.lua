--- @include "includes/books.lua"

local LAYOUT = '1'

-- What a new connection must know:
-- { books, generation, swept, life, its age in ms }, gaps, { name, number, name, number, ... }.
local function read_registry(keys)
  local meta = call('HMGET', keys[1], 'layout', 'books', 'generation', 'swept', 'life', 'began', 'gaps')
  local layout = meta[1] or LAYOUT
  if layout ~= LAYOUT then
    return redis.error_reply('LAYOUT the books in Redis have layout ' .. layout .. '; this gateway expects ' .. LAYOUT)
  end
  local age_ms = floor(now_us() / 1000) - tonumber(meta[6] or '0')
  local known = { meta[2] or '', meta[3] or '0', meta[4] or '0', meta[5] or '', tostring(age_ms) }
  return { known, meta[7] or '', call('HGETALL', root_of(keys) .. 'processors') }
end
