--- @include "includes/time-index.lua"

local function sum_into(sums, counters)
  for processor = 1, #counters / COUNTER_BYTES do
    local count, cents = unpack('>I6I8', counters, (processor - 1) * COUNTER_BYTES + 1)
    local sum = sums[processor]
    if sum then
      sum[1], sum[2] = sum[1] + count, sum[2] + cents
    else
      sums[processor] = { count, cents }
    end
  end
end

-- For each level of the time index: key and field of the counters of a unit.
local SECOND = {
  per_group = 60,
  place = function(unit) return 's:' .. floor(unit / 60), unit % 60 end,
}
local MINUTE = {
  per_group = 60,
  place = function(unit) return 'c:' .. floor(unit / 1440), 'm' .. unit % 1440 end,
}
local HOUR = {
  per_group = 24,
  place = function(unit) return 'c:' .. floor(unit / 24), 'h' .. unit % 24 end,
}

-- Adds the counters of units [low, high), which all belong to one group.
local function sum_units(books, sums, level, low, high)
  if low >= high then return end
  local key, fields = nil, {}
  for unit = low, high - 1 do key, fields[#fields + 1] = level.place(unit) end
  for _, counters in ipairs(call('HMGET', books.prefix .. key, spread(fields))) do
    if counters then sum_into(sums, counters) end
  end
end

-- Adds the units of [low, high) before the first whole group and after the last. Returns the range of whole groups.
local function sum_edges(books, sums, level, low, high)
  local first, last = math.ceil(low / level.per_group), floor(high / level.per_group)
  if first > last then
    sum_units(books, sums, level, low, high)
    return 0, 0
  end
  sum_units(books, sums, level, low, first * level.per_group)
  sum_units(books, sums, level, last * level.per_group, high)
  return first, last
end

local function sum_days(books, sums, low, high)
  for _, member in ipairs(call('SMEMBERS', books.prefix .. 'd')) do
    local day = tonumber(member)
    if day >= low and day < high then sum_into(sums, call('HGET', books.prefix .. 'c:' .. member, 'd')) end
  end
end

-- The start of the finest unit that the books have at `ms`, as finestUnit in retention.ts.
local function is_exact(books, ms)
  if ms >= books.folded_seconds_ms then return true end
  return ms % (ms >= books.folded_minutes_ms and 60000 or 3600000) == 0
end

-- args: books, the window in milliseconds [from, until), the whole seconds of the window [low, high), and the seconds that it covers in part, at its start and
-- at its end ('' for none). Returns the counters of all processors, and the buckets of both partial seconds; or 0 or 1 if the
-- window starts or ends within a folded unit, with the row of folding.
define('summary', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local from_ms, until_ms = tonumber(args[2]), tonumber(args[3])
  if from_ms < until_ms then
    if not is_exact(books, from_ms) then return { 0, books.folding } end
    if not is_exact(books, until_ms) then return { 1, books.folding } end
  end
  local sums, low, high = {}, tonumber(args[4]), tonumber(args[5])
  if low < high then
    low, high = sum_edges(books, sums, SECOND, low, high)
    low, high = sum_edges(books, sums, MINUTE, low, high)
    low, high = sum_edges(books, sums, HOUR, low, high)
    if low < high then sum_days(books, sums, low, high) end
  end
  local parts, last = {}, 0
  for processor in pairs(sums) do last = max(last, processor) end
  for processor = 1, last do
    local sum = sums[processor] or { 0, 0 }
    parts[processor] = pack('>I6I8', sum[1], math.min(sum[2], MOST_CENTS))
  end
  local function bucket(second)
    return second ~= '' and call('GET', books.prefix .. 'l:' .. second) or ''
  end
  return { concat(parts), bucket(args[6]), bucket(args[7]) }
end, READS)
