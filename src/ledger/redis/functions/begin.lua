--- @include "includes/labels.lua"
--- @include "includes/registry.lua"

-- args: books, the life of this Redis. In a new life, appends the gap since the last one.
define('begin', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local meta = call('HMGET', keys[1], 'life', 'writes', 'owner', 'gaps')
  if meta[1] ~= args[2] then
    local now, last = now_us(), tonumber(meta[2] or '0')
    local first = max(now, last + 1)
    local gaps = sub((meta[4] or '') .. pack('>dd', last, first), -GAP_BYTES * MOST_GAPS)
    local owner = max(tonumber(meta[3] or '0'), floor(now / 1000))
    call('HSET', keys[1], 'life', args[2], 'began', floor(now / 1000), 'writes', first, 'owner', owner, 'gaps', gaps)
  end
  return read_registry(keys)
end, ALLOW_OOM)
