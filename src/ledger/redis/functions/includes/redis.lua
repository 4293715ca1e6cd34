-- Redis and Lua functions as locals. They do not exist yet while Redis loads the library, so the first call binds them.
local call, pack, unpack, spread, byte, char, sub, concat, floor, max

local function bind()
  call, pack, unpack, spread = redis.call, struct.pack, struct.unpack, _G.unpack
  byte, char, sub, concat = string.byte, string.char, string.sub, table.concat
  floor, max = math.floor, math.max
end

local READS = { 'no-writes' }
-- Leases and marks must get through even when Redis is out of memory, so that reads go on.
local ALLOW_OOM = { 'allow-oom' }

-- Adds a function to the library.
--
-- Each call is atomic. A function reads first and writes afterwards. Redis refuses a call (OOM, MISCONF, READONLY,
-- LOADING) before the first line of the function runs, so a refused call has changed nothing.
local function define(name, run, flags)
  local function callback(keys, args)
    if not call then bind() end
    return run(keys, args)
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

-- The clock of Redis, in microseconds.
local function now_us()
  local now = call('TIME')
  return now[1] * 1e6 + now[2]
end
