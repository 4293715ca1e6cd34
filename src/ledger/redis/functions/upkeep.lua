--- @include "includes/folding.lua"
--- @include "includes/outbox.lua"

-- What one step does at most: it must end within a few milliseconds, because commits wait for it. The keys that it may touch
-- are named by keys.ts, with the same figures.
local HASHES_A_STEP, SPLITS_A_STEP, SECONDS_A_STEP, HOURS_A_STEP = 64, 8, 600, 6
local ENTRIES_A_STEP = 1000
-- More than this on average is split: a listpack is searched from its start, and larger ones have fewer bytes of their own.
local ENTRIES_A_HASH = 64
local HOUR_S, DAY_S = 3600, 86400

-- The same as isForgotten in retention.ts, for a finished entry as it is stored.
local function is_forgotten(entry, until_ms)
  if sub(entry, 2, 2) == NO_PROCESSOR then return false end
  if byte(entry) >= PACKED then return unpack('>I6', entry, 3) < until_ms end
  local requested_at_ms, accepted_at_ms = unpack('>I6I6', entry, 5)
  return max(requested_at_ms, accepted_at_ms) < until_ms
end

local function walk(books, folding)
  if folding.hash == NO_WALK then return end
  local last, looked, removed = math.min(folding.hash + HASHES_A_STEP, books.hashes), 0, 0
  while folding.hash < last and looked < ENTRIES_A_STEP do
    local key = hash_key(books, folding.hash)
    local entries, forgotten, rejected = call('HGETALL', key), {}, {}
    for index = 2, #entries, 2 do
      local entry = entries[index]
      if not is_unfinished(entry) and is_forgotten(entry, folding.until_ms) then
        forgotten[#forgotten + 1] = entries[index - 1]
        if byte(entry) % OTHER_AMOUNT > SETTLED then rejected[#rejected + 1] = entries[index - 1] end
      end
    end
    in_slices('HDEL', key, forgotten)
    in_slices('ZREM', rejected_set(books), rejected)
    folding.hash, looked, removed = folding.hash + 1, looked + #entries / 2, removed + #forgotten
  end
  if removed > 0 then call('HINCRBY', books.meta, 'payments', -removed) end
  if folding.hash >= books.hashes then folding.hash = NO_WALK end
end

-- Splits up to SPLITS_A_STEP hashes. Returns whether there are still too few.
local function grow(books)
  local wanted = floor(tonumber(call('HGET', books.meta, 'payments') or '0') / ENTRIES_A_HASH)
  local target = math.min(wanted, books.hashes + SPLITS_A_STEP)
  if target <= books.hashes then return false end
  while books.hashes < target do split_hash(books) end
  call('HSET', books.meta, 'hashes', books.hashes)
  return books.hashes < wanted
end

-- The first day that has counters and does not end before this second: its start, or nil.
local function day_with_counters(books, second)
  local first
  for _, member in ipairs(call('SMEMBERS', books.prefix .. 'd')) do
    local start = tonumber(member) * DAY_S
    if start + DAY_S > second and (not first or start < first) then first = start end
  end
  return first
end

-- Continues at the first second that may have keys, or does up to SECONDS_A_STEP of them.
local function remove_seconds(books, folding)
  local last = folding.seconds_ms / 1000
  if folding.second >= last then return end
  local start = day_with_counters(books, folding.second) or last
  if start > folding.second then
    folding.second = math.min(start, last)
    return
  end
  local keys, till = {}, math.min(folding.second + SECONDS_A_STEP, last)
  for second = folding.second, till - 1 do
    keys[#keys + 1] = books.prefix .. 'l:' .. second
    if second % 60 == 0 then keys[#keys + 1] = books.prefix .. 's:' .. second / 60 end
  end
  call('UNLINK', spread(keys))
  folding.second = till
end

local function remove_minutes(books, folding)
  local last = folding.minutes_ms / 1000 / HOUR_S
  if folding.hour >= last then return end
  local start = day_with_counters(books, folding.hour * HOUR_S)
  start = start and start / HOUR_S or last
  if start > folding.hour then
    folding.hour = math.min(start, last)
    return
  end
  local till = math.min(folding.hour + HOURS_A_STEP, last)
  for hour = folding.hour, till - 1 do
    local fields = {}
    for minute = 0, 59 do fields[minute + 1] = 'm' .. hour % 24 * 60 + minute end
    call('HDEL', books.prefix .. 'c:' .. floor(hour / 24), spread(fields))
  end
  folding.hour = till
end

-- args: books, places, nowMs, retentionMs, how long minutes are kept (ms), the row of folding for which the keys were named,
-- and if events are kept, for how long (ms) and how many. Returns the new row, whether there is more to do, and the new
-- places. If the row is another one by now, nothing has been done.
define('upkeep', function(keys, args)
  local books, problem = open_places(keys, args)
  if not books then return problem end
  if (books.folding or '') ~= args[6] then return { books.folding or '', 1, places_of(books) } end
  local folding = read_folding(books.folding)
  -- A gateway whose clock is ahead must not make the books forget too much.
  local now_ms = math.min(tonumber(args[3]), floor(now_us() / 1000))
  local function folded_ms(kept_ms, unit_ms) return floor(max(0, now_ms - kept_ms) / unit_ms) * unit_ms end
  -- Frozen books only grow: those that are being filled do, and nothing else may change.
  local kept_ms = books.frozen and math.huge or tonumber(args[4])
  folding.seconds_ms = max(folding.seconds_ms, folded_ms(kept_ms, 60000))
  folding.minutes_ms = max(folding.minutes_ms, folded_ms(books.frozen and math.huge or tonumber(args[5]), 3600000))
  if folding.hash == NO_WALK and folding.until_ms < folding.seconds_ms then
    folding.hash, folding.until_ms = 0, folding.seconds_ms
  end
  walk(books, folding)
  remove_seconds(books, folding)
  remove_minutes(books, folding)
  local row = folding_row(folding)
  if row ~= books.folding and folding.seconds_ms > 0 then
    call('HSET', keys[1], 'folding', row)
  else
    row = books.folding or ''
  end
  local is_folded = folding.hash == NO_WALK and folding.until_ms == folding.seconds_ms
    and folding.second * 1000 >= folding.seconds_ms and folding.hour * 3600000 >= folding.minutes_ms
  local is_small = grow(books)
  local is_long = args[7] and not books.frozen and trim_outbox(books, now_ms - tonumber(args[7]), args[8])
  return { row, (is_small or is_long or not is_folded) and 1 or 0, places_of(books) }
end, ALLOW_OOM)
