-- Redis and Lua functions as locals. They do not exist yet while Redis loads the library, so the first call binds them.
local call, pack, unpack, spread, byte, char, sub, format, concat, floor, max

local function bind()
  call, pack, unpack, spread = redis.call, struct.pack, struct.unpack, _G.unpack
  byte, char, sub, format, concat = string.byte, string.char, string.sub, string.format, table.concat
  floor, max = math.floor, math.max
end

local READS = { 'no-writes' }
-- Leases and marks must get through even when Redis is out of memory, so that reads go on; upkeep, because it makes room.
local ALLOW_OOM = { 'allow-oom' }

-- In a cluster: runs a function only where all keys of the books are, and notes how many there are afterwards. A slot moves
-- key by key, and a replica that is promoted meanwhile knows nothing of that: what has left would look as if it had never
-- been. So the books need their slot alone.
local function run_on_whole_books(run, slot, keys, args)
  local held, expected = call('CLUSTER', 'COUNTKEYSINSLOT', slot), tonumber(call('HGET', keys[1], 'keys') or '0')
  if held ~= expected then
    return redis.error_reply('INCOMPLETE slot ' .. slot .. ' holds ' .. held .. ' keys on this node, and the books have '
      .. expected .. ': it is being moved, or holds other keys, too')
  end
  local reply = run(keys, args)
  local left = call('CLUSTER', 'COUNTKEYSINSLOT', slot)
  if left ~= held then call('HSET', keys[1], 'keys', left) end
  return reply
end

-- Adds a function to the library. The first argument of each call is the slot of its keys in a cluster, or '' elsewhere; the
-- function does not see it.
--
-- Each call is atomic. A function reads first and writes afterwards. Redis refuses a call (OOM, MISCONF, READONLY,
-- LOADING) before the first line of the function runs, so a refused call has changed nothing.
local function define(name, run, flags)
  local function callback(keys, args)
    if not call then bind() end
    local slot = table.remove(args, 1)
    if slot == '' then return run(keys, args) end
    return run_on_whole_books(run, slot, keys, args)
  end
  redis.register_function({ function_name = LIBRARY .. '_' .. name, callback = callback, flags = flags or {} })
end

-- How many arguments one command gets at most: the stack of Lua is bounded.
local SLICE = 1000

local function in_slices(command, key, members)
  for first = 1, #members, SLICE do
    call(command, key, spread(members, first, math.min(first + SLICE - 1, #members)))
  end
end

-- Adds ids to a sorted set in which all have the same score, so that it is ordered by id.
local function add_ids(key, ids)
  local scored = {}
  for index = 1, #ids do
    scored[2 * index - 1] = '0'
    scored[2 * index] = ids[index]
  end
  in_slices('ZADD', key, scored)
end

-- The clock of Redis, in microseconds.
local function now_us()
  local now = call('TIME')
  return now[1] * 1e6 + now[2]
end
