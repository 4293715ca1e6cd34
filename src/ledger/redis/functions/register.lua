--- @include "includes/registry.lua"

-- args: the id for new books, which shard they are (such as 3/16), then processor names to number
define('register', function(keys, args)
  local known = read_registry(keys)
  if known.err then return known end
  if call('HSETNX', keys[1], 'books', args[1]) == 1 then
    call('HSET', keys[1], 'layout', LAYOUT, 'shard', args[2])
  end
  local key = keys[2]
  for index = 3, #args do
    local number = call('HLEN', key) + 1
    if call('HEXISTS', key, args[index]) == 0 then
      if number > MOST_PROCESSORS then
        return redis.error_reply('ERR the books know ' .. MOST_PROCESSORS .. ' processors already, which is the limit')
      end
      call('HSET', key, args[index], number)
    end
  end
  return read_registry(keys)
end)
