--- @include "includes/books.lua"

-- Time index: settled payments by second, minute, hour and day. A bucket lists the charges of one second in the order
-- in which they were recorded; counters sum up a second, minute, hour or day.
--
-- | charge | bytes  | field                       | | counters | bytes | for each processor number, from 1 |
-- |--------|--------|-----------------------------| |----------|-------|-----------------------------------|
-- | 1      | 2      | millisecond, 0 - 999;       | | 1        | 6     | count                             |
-- |        |        | plus 1024: 7 bytes of cents | | 7        | 8     | cents                             |
-- | 3      | 1      | processor number            | |          |       | 2^53 stands for 2^53 or more      |
-- | 4      | 4 or 7 | cents                       | |          |       |                                   |
local COUNTER_BYTES = 14
local MOST_CENTS = 2 ^ 53
local LONG = 1024

local function charge_row(millisecond, processor, amount)
  if sub(amount, 1, 3) == '\0\0\0' then return pack('>I2', millisecond) .. processor .. sub(amount, 4) end
  return pack('>I2', millisecond + LONG) .. processor .. amount
end

-- Adds to tallies[unit]. A tally is: processor number -> { count, cents }, and its highest number as `last`.
local function tally_up(tallies, unit, processor, count, cents)
  local tally = tallies[unit]
  if not tally then
    tally = { last = 0 }
    tallies[unit] = tally
  end
  local sum = tally[processor]
  if sum then
    sum[1], sum[2] = sum[1] + count, sum[2] + cents
  else
    tally[processor] = { count, cents }
    tally.last = max(tally.last, processor)
  end
end

-- The sum of counters (false if there are none yet) and a tally.
local function added(counters, tally)
  counters = counters or ''
  local parts = {}
  for processor = 1, max(#counters / COUNTER_BYTES, tally.last) do
    local count, cents, more = 0, 0, tally[processor]
    if processor * COUNTER_BYTES <= #counters then
      count, cents = unpack('>I6I8', counters, (processor - 1) * COUNTER_BYTES + 1)
    end
    if more then
      count, cents = count + more[1], cents + more[2]
    end
    parts[processor] = pack('>I6I8', count, math.min(cents, MOST_CENTS))
  end
  return concat(parts)
end

local function fields_of_minute(minute)
  return 'm' .. minute % 1440, 'h' .. floor(minute / 60) % 24, 'd'
end

local function count_minute(books, minute, tally)
  local day = floor(minute / 1440)
  local key = books.prefix .. 'c:' .. day
  local m, h, d = fields_of_minute(minute)
  local rows = call('HMGET', key, m, h, d)
  call('HSET', key, h, added(rows[2], tally), d, added(rows[3], tally))
  if minute * 60000 >= books.folded_minutes_ms then call('HSET', key, m, added(rows[1], tally)) end
  if not rows[3] then call('SADD', books.prefix .. 'd', day) end
end

-- buckets: second -> list of charges; seconds: second -> tally. Units that are folded at their time get nothing.
local function write_time_index(books, buckets, seconds)
  local minutes = {}
  for second, tally in pairs(seconds) do
    local minute, field = floor(second / 60), second % 60
    if second * 1000 >= books.folded_seconds_ms then
      local key = books.prefix .. 's:' .. minute
      call('APPEND', books.prefix .. 'l:' .. second, concat(buckets[second]))
      call('HSET', key, field, added(call('HGET', key, field), tally))
    end
    for processor = 1, tally.last do
      local sum = tally[processor]
      if sum then tally_up(minutes, minute, processor, sum[1], sum[2]) end
    end
  end
  for minute, tally in pairs(minutes) do count_minute(books, minute, tally) end
end
