--- @include "includes/folding.lua"
--- @include "includes/time-index.lua"

local function total_in(counters, processor)
  if not counters or processor * COUNTER_BYTES > #counters then return 0, 0 end
  return unpack('>I6I8', counters, (processor - 1) * COUNTER_BYTES + 1)
end

-- Sets the first of these fields of a day, and changes the others by the difference.
local function set_total(books, day, fields, processor, count, cents)
  local key = books.prefix .. 'c:' .. day
  local rows = call('HMGET', key, spread(fields))
  local known_count, known_cents = total_in(rows[1], processor)
  if known_count == count and known_cents == cents then return end
  local tally = { last = processor, [processor] = { count - known_count, cents - known_cents } }
  for index, field in ipairs(fields) do call('HSET', key, field, added(rows[index], tally)) end
  call('SADD', books.prefix .. 'd', day)
end

-- args: books, places, secondsMs and minutesMs up to which the books are folded now at least, then what the units have
-- (folded-time.ts): minutes in a unit (1 or 60) (1 B), first minute (4 B), processor number (1 B), count (6 B), cents (8 B).
define('restoreFolded', function(keys, args)
  local books, problem = open_places(keys, args)
  if not books then return problem end
  local units = args[5]
  for at = 1, #units, 20 do
    local length, minute, processor, count, cents = unpack('>BI4BI6I8', units, at)
    local m, h, d = fields_of_minute(minute)
    set_total(books, floor(minute / 1440), length == 1 and { m, h, d } or { h, d }, processor, count, cents)
  end
  local folding = read_folding(books.folding)
  folding.seconds_ms = max(folding.seconds_ms, tonumber(args[3]))
  folding.minutes_ms = max(folding.minutes_ms, tonumber(args[4]))
  if folding.seconds_ms > 0 then call('HSET', books.meta, 'folding', folding_row(folding)) end
  return 0
end)
