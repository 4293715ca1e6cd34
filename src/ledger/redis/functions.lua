-- The ledger inside Redis: a Redis 7 Function library, loaded by ledger.ts, which puts two lines above this text: the
-- name of the library and LIBRARY, a local with the same name. The name carries a hash of the text, so that two
-- versions of the gateway can share one Redis while one replaces the other.
--
-- Each call is atomic by itself. A function reads first and writes after, so a refusal by Redis (OOM, MISCONF,
-- READONLY, LOADING), which always comes before the first line of a function, has changed nothing.
--
-- Keys. <root> is KEYS[1] without its last word; all keys share its hash tag, so one cluster slot holds the books.
-- <g> is the generation: a purge counts it up and everything below it is gone at once; the sweep unlinks it later.
--
-- | key               | type   | holds                                                                          |
-- |-------------------|--------|--------------------------------------------------------------------------------|
-- | <root>meta        | hash   | layout, books (random id of this set of books), generation, swept, purgedAt,   |
-- |                   |        | owner (the last one given out); o:<o> -> owner row of owner <o>; writes (the   |
-- |                   |        | number of the last one), life (of the Redis that did it), began (of that life, |
-- |                   |        | ms), gaps                                                                      |
-- | <root>processors  | hash   | name -> number, 1 to 255, for ever                                             |
-- | <root>health      | hash   | processor number -> health row                                                 |
-- | <root><g>:e:<2 B> | hash   | last 14 bytes of an id -> entry; 65,536 hashes, so that they stay listpacks    |
-- | <root><g>:o:<o>   | set    | ids of the entries that owner <o> holds                                        |
-- | <root><g>:p:<o>   | string | what owner <o> was last handed by a take-over: from (6 B), then ids            |
-- | <root><g>:x       | hash   | id and processor number (1 B) -> owner (6 B), or 0: strays, see below         |
-- | <root><g>:y       | hash   | id -> another amount, till the entry that it belongs to is said again, too      |
-- | <root><g>:l:<s>   | string | charges of second <s>, 10 bytes each, in the order they came                   |
-- | <root><g>:s:<m>   | hash   | second in minute <m> -> counters                                               |
-- | <root><g>:c:<d>   | hash   | m0 to m1439, h0 to h23, d: minutes and hours of day <d>, and all of it         |
-- |                   |        | -> counters                                                                    |
-- | <root><g>:d       | set    | days that have counters                                                        |
--
-- Values, big-endian. An id has been scattered by records.ts: its first two bytes are even for any kind of UUID.
--
-- | entry   | bytes | field                                                                                |
-- |---------|-------|--------------------------------------------------------------------------------------|
-- | 1       | 1     | state: 1 accepted, 2 dispatched, 3 settled, 4 invalid; plus 16 with another amount   |
-- | 2       | 1     | processor number, 0 while accepted                                                   |
-- | 3       | 2     | attempts, stops at 65535                                                             |
-- | 5       | 6     | requestedAtMs                                                                        |
-- | 11      | 6     | acceptedAtMs                                                                         |
-- | 17      | 7     | amountCents                                                                          |
-- | 24      | 6     | owner, only while accepted or dispatched                                             |
-- | 24 / 30 | 7     | the other amount, if any                                                             |
-- | then    | rest  | reason, UTF-8, if invalid                                                            |
--
-- | charge | bytes | field                | | counters | bytes | for each processor number, from 1 |
-- |--------|-------|----------------------| |----------|-------|-----------------------------------|
-- | 1      | 2     | millisecond, 0 - 999 | | 1        | 6     | count                             |
-- | 3      | 1     | processor number     | | 7        | 8     | cents                             |
-- | 4      | 7     | cents                | |          |       | 2^53: so much or more             |
--
-- | owner row | bytes | field                | | health row | bytes | field                         |
-- |-----------|-------|----------------------| |------------|-------|-------------------------------|
-- | 1         | 8     | leaseUntilMs, double | | 1          | 8     | end of the turn, ms, double   |
-- | 9         | 12    | session              | | 9          | 8     | checkedAtMs, double; 0: never |
-- | 21        | 1     | life, see below      | | 17         | 8     | minResponseTimeMs, double     |
-- | 22        | 2     | bytes of instanceId  | | 25         | 1     | failing, 0 or 1               |
-- | 24        |       | instanceId, name     | |            |       |                               |
--
-- The life of an owner: 0 it lives; 1 it is being taken over and may still hold entries; 2 all it held is handed over.
-- A row of life 2 is an owner no more, and nobody is shown it but a ledger that has lost the answer with those entries.
-- The take-over that finds nothing removes it.
--
-- Channel <root>notices:<books>: `H`, processor number (1 B) and a health row from its 9th byte; or `P` and purgedAtMs,
-- a double. The books are in its name because channels, unlike keys, are shared by all databases of a Redis.
--
-- What is forgotten. Redis may lose the last writes it has acknowledged when it dies, or when a replica takes its place.
-- Each write that a gateway would miss is numbered, and its reply is { label, what it answers }: a label is the number
-- and the generation, two doubles. The first connection that finds another life of Redis than `life` notes a gap: the
-- numbers from the last write that is still known up to the time in microseconds, where the next life goes on counting,
-- so that no number is given twice. A label within a gap is that of a write forgotten, and whoever holds it says it
-- again by a `restore` function. Those may come in any order from several gateways, and also when others have gone on:
-- what stands is not overwritten. A claim that finds its id claimed for another processor by somebody else is kept as a
-- stray: if its owner settles it, that processor has charged for it as well, and the books say so;
-- 0 in place of the owner, so that it is not counted once more when the entry gets to that processor later.
--
-- | gaps | bytes | field, for each gap; the last ones only |
-- |------|-------|-----------------------------------------|
-- | 1    | 8     | number of the last write known, double  |
-- | 9    | 8     | number where the next life begins       |
--
-- A session is 8 random bytes of a gateway's ledger and the number of its connection, 4 bytes. When a connection is
-- given up and replaced, what still lies unread in the old one must not be done after what the new one asked for:
-- a function for an owner refuses an older connection than it has seen.

-- What Lua and Redis lend, as locals. None of it is there yet while the library is loaded, so the first call binds it.
local call, pack, unpack, spread, byte, char, sub, concat, floor, max

local function bind()
  call, pack, unpack, spread = redis.call, struct.pack, struct.unpack, _G.unpack
  byte, char, sub, concat = string.byte, string.char, string.sub, table.concat
  floor, max = math.floor, math.max
end

local LAYOUT = '1'
local ACCEPTED, DISPATCHED, SETTLED = 1, 2, 3
local OTHER_AMOUNT = 16
local RECORDED, SETTLE_FENCED = '\0', '\1'
local CLAIMED, KNOWN, CONFLICT, PURGED, CLAIM_FENCED = '\0', '\1', '\2', '\3', '\4'
local NO_SESSION, NO_SEAT = '\0\0\0\0\0\0\0\0\0\0\0\0', '\0\0'
local NOBODY, NEVER, COUNTED = '\0', '\0\0\0\0\0\0', '\0\0\0\0\0\0'
local MOST_ATTEMPTS = 65535
local MOST_PROCESSORS = 255
local COUNTER_BYTES = 14
-- Sums are exact below. What is beyond stays there, and is not told.
local MOST_CENTS = 2 ^ 53
local GAP_BYTES, MOST_GAPS = 16, 32
-- What one call takes as arguments at a time: Lua's stack is bounded.
local SLICE = 1000

local function root_of(keys)
  return sub(keys[1], 1, -5)
end

-- The books that args[1] names, or nil and an error reply when others stand here (after FLUSHALL, or a Redis that
-- came back empty): the caller's numbers mean nothing in them.
-- With an owner, its row is there too, or false.
local function open_books(keys, args, owner)
  local meta = call('HMGET', keys[1], 'books', 'generation', 'purgedAt', 'o:' .. (owner or ''))
  if meta[1] ~= args[1] then
    return nil, redis.error_reply('BOOKS these are not the books this connection was opened with')
  end
  local root = root_of(keys)
  return {
    meta = keys[1],
    root = root,
    generation = tonumber(meta[2] or '0'),
    prefix = root .. (meta[2] or '0') .. ':',
    purged_at = tonumber(meta[3] or '0'),
    owner_row = meta[4],
  }
end

-- The reply of a write that may be forgotten.
local function acknowledged(books, reply)
  return { pack('>dd', call('HINCRBY', books.meta, 'writes', 1), books.generation), reply }
end

local function in_slices(command, key, members)
  for first = 1, #members, SLICE do
    call(command, key, spread(members, first, math.min(first + SLICE - 1, #members)))
  end
end

local function entry_place(books, id)
  return books.prefix .. 'e:' .. sub(id, 1, 2), sub(id, 3)
end

-- Owners

local LIVES, FENCED, HANDED_OVER = '\0', '\1', '\2'

local function lives(row)
  return sub(row, 21, 21) == LIVES
end

-- Notes the session of an owner's call. False: a later connection of the same ledger has already spoken.
local function meet(books, owner, row, session)
  local seen = sub(row, 9, 20)
  if seen == session then return true end
  if sub(seen, 1, 8) == sub(session, 1, 8) and unpack('>I4', seen, 9) > unpack('>I4', session, 9) then
    return false
  end
  call('HSET', books.meta, 'o:' .. owner, sub(row, 1, 8) .. session .. sub(row, 21))
  return true
end

local function fence(books, owner, row, life)
  call('HSET', books.meta, 'o:' .. owner, pack('>d', 0) .. sub(row, 9, 20) .. life .. sub(row, 22))
end

local function outdated()
  return redis.error_reply('STALE a later connection has taken this one\'s place')
end

-- args: books, session, leaseUntilMs (double), seat
local function enlist(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local owner = call('HINCRBY', keys[1], 'owner', 1)
  call('HSET', keys[1], 'o:' .. owner, args[3] .. args[2] .. LIVES .. args[4])
  return acknowledged(books, owner)
end

-- args: books, owner, leaseUntilMs (double)
local function renew(keys, args)
  local books, problem = open_books(keys, args, args[2])
  if not books then return problem end
  local row = books.owner_row
  if not row or not lives(row) then return acknowledged(books, 0) end
  call('HSET', keys[1], 'o:' .. args[2], args[3] .. sub(row, 9))
  return acknowledged(books, 1)
end

-- args: books, owner
local function retire(keys, args)
  local books, problem = open_books(keys, args, args[2])
  if not books then return problem end
  local row = books.owner_row
  if row and call('EXISTS', books.prefix .. 'o:' .. args[2]) == 1 then
    call('HSET', keys[1], 'o:' .. args[2], pack('>d', 0) .. sub(row, 9))
  elseif row then
    call('HDEL', keys[1], 'o:' .. args[2])
  end
  return acknowledged(books, 0)
end

-- args: books. Owner, row, owner, row, ...
local function owners(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local meta, shown = call('HGETALL', keys[1]), {}
  for index = 1, #meta, 2 do
    if sub(meta[index], 1, 2) == 'o:' then
      shown[#shown + 1] = sub(meta[index], 3)
      shown[#shown + 1] = meta[index + 1]
    end
  end
  return shown
end

-- Take-over

-- The entries of these ids that `owner` (6 bytes) may still move on: id, entry, id, entry, ...
local function held_entries(books, ids, owner)
  local shown = {}
  for _, id in ipairs(ids) do
    local entry = call('HGET', entry_place(books, id))
    if entry and byte(entry) % OTHER_AMOUNT < SETTLED and sub(entry, 24, 29) == owner then
      shown[#shown + 1] = id
      shown[#shown + 1] = entry
    end
  end
  return shown
end

local function last_page(books, from, to)
  local page = call('GET', books.prefix .. 'p:' .. unpack('>I6', to)) or ''
  local ids = {}
  if sub(page, 1, 6) ~= from then return ids end
  for at = 7, #page, 16 do ids[#ids + 1] = sub(page, at, at + 15) end
  return ids
end

local function hand_over(books, ids, from, to)
  local shown = held_entries(books, ids, from)
  for index = 2, #shown, 2 do
    local key, field = entry_place(books, shown[index - 1])
    shown[index] = sub(shown[index], 1, 23) .. to .. sub(shown[index], 30)
    call('HSET', key, field, shown[index])
  end
  in_slices('SADD', books.prefix .. 'o:' .. unpack('>I6', to), ids)
  call('SET', books.prefix .. 'p:' .. unpack('>I6', to), from .. concat(ids))
  return shown
end

-- Whether an entry was sent to a processor whose number is not among `known` (a string of them), by `owner` (6 B).
local function is_foreign(entry, owner, known)
  return byte(entry) % OTHER_AMOUNT == DISPATCHED and sub(entry, 24, 29) == owner
    and not string.find(known, sub(entry, 2, 2), 1, true)
end

-- Pops up to `limit` ids of what an owner holds. Entries at processors that the heir does not know stay.
local function pop_held(books, from, limit, known)
  local key = books.prefix .. 'o:' .. unpack('>I6', from)
  local ids, foreign = {}, {}
  while #ids < limit do
    local popped = call('SPOP', key, limit - #ids)
    if #popped == 0 then break end
    for _, id in ipairs(popped) do
      local entry = call('HGET', entry_place(books, id))
      local kept = entry and is_foreign(entry, from, known) and foreign or ids
      kept[#kept + 1] = id
    end
  end
  in_slices('SADD', key, foreign)
  return ids, call('EXISTS', key) == 1
end

-- args: books, session, from (6 B), to (6 B), limit, ifNotRenewedMs (double), '1' when the last answer was lost,
-- the numbers of the processors that the heir knows (1 B each)
local function take_over(keys, args)
  local from, to = args[3], args[4]
  local from_owner, to_owner = unpack('>I6', from), unpack('>I6', to)
  local books, problem = open_books(keys, args, to_owner)
  if not books then return problem end
  local to_row = books.owner_row
  if not to_row or not lives(to_row) then return acknowledged(books, {}) end
  if not meet(books, to_owner, to_row, args[2]) then return outdated() end
  if args[7] == '1' then
    local shown = held_entries(books, last_page(books, from, to), to)
    if #shown > 0 then return acknowledged(books, shown) end
  end
  local row = call('HGET', keys[1], 'o:' .. from_owner)
  if not row or unpack('>d', row) > unpack('>d', args[6]) then return acknowledged(books, {}) end
  local ids, holds_more = pop_held(books, from, tonumber(args[5]), args[8])
  if #ids > 0 or holds_more then
    fence(books, from_owner, row, holds_more and FENCED or HANDED_OVER)
  else
    call('HDEL', keys[1], 'o:' .. from_owner)
  end
  if #ids > 0 then return acknowledged(books, hand_over(books, ids, from, to)) end
  call('DEL', books.prefix .. 'p:' .. to_owner)
  return acknowledged(books, {})
end

-- args: books, nowMs (double), the numbers of the processors that the caller knows (1 B each).
-- Number, count, number, count, ...
local function stranded(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local meta, counts, shown = call('HGETALL', keys[1]), {}, {}
  for index = 1, #meta, 2 do
    local field, row = meta[index], meta[index + 1]
    if sub(field, 1, 2) == 'o:' and unpack('>d', row) <= unpack('>d', args[2]) then
      local owner = pack('>I6', tonumber(sub(field, 3)))
      for _, id in ipairs(call('SMEMBERS', books.prefix .. field)) do
        local entry = call('HGET', entry_place(books, id))
        if entry and is_foreign(entry, owner, args[3]) then
          local number = byte(entry, 2)
          counts[number] = (counts[number] or 0) + 1
        end
      end
    end
  end
  for number = 1, MOST_PROCESSORS do
    if counts[number] then
      shown[#shown + 1] = number
      shown[#shown + 1] = counts[number]
    end
  end
  return shown
end

-- Calendar

-- A tally: processor number -> { count, cents }, and its highest number as `last`.
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

-- Counters (false for none yet) with a tally added.
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
  call('HSET', key, m, added(rows[1], tally), h, added(rows[2], tally), d, added(rows[3], tally))
  if not rows[3] then call('SADD', books.prefix .. 'd', day) end
end

local function write_calendar(books, leaves, seconds)
  local minutes = {}
  for second, tally in pairs(seconds) do
    local minute, field = floor(second / 60), second % 60
    local key = books.prefix .. 's:' .. minute
    call('APPEND', books.prefix .. 'l:' .. second, concat(leaves[second]))
    call('HSET', key, field, added(call('HGET', key, field), tally))
    for processor = 1, tally.last do
      local sum = tally[processor]
      if sum then tally_up(minutes, minute, processor, sum[1], sum[2]) end
    end
  end
  for minute, tally in pairs(minutes) do count_minute(books, minute, tally) end
end

-- Commit

local function charge(batch, processor, stamp, amount)
  local ms = unpack('>I6', stamp)
  local second = floor(ms / 1000)
  local leaf = batch.leaves[second]
  if not leaf then
    leaf = {}
    batch.leaves[second] = leaf
  end
  leaf[#leaf + 1] = pack('>I2', ms % 1000) .. processor .. amount
  tally_up(batch.seconds, second, byte(processor), 1, (unpack('>I7', amount)))
end

-- Whether a stray has been counted for that processor already. One that still awaits its settlement is now needless.
local function is_counted(books, batch, id, processor)
  local strays = books.prefix .. 'x'
  if batch.has_strays == nil then batch.has_strays = call('EXISTS', strays) == 1 end
  if not batch.has_strays then return false end
  local stray = call('HGET', strays, id .. processor)
  if stray then call('HDEL', strays, id .. processor) end
  return stray == COUNTED
end

-- The last step of an entry: into the books, or set aside.
local function finish(books, batch, id, key, field, entry, state, processor, stamp, amount, reason)
  local first = byte(entry)
  call('HSET', key, field, char(first - first % OTHER_AMOUNT + state) .. processor .. sub(entry, 3, 4) .. stamp
    .. sub(entry, 11, 23) .. sub(entry, 30) .. reason)
  if state == SETTLED and not is_counted(books, batch, id, processor) then
    charge(batch, processor, stamp, amount)
  end
  return RECORDED
end

-- A settlement that the entry has no room for: it counts once if a stray awaits it.
local function settle_stray(books, batch, id, state, processor, stamp, amount)
  local key, field = books.prefix .. 'x', id .. processor
  if call('HGET', key, field) ~= batch.owner then return SETTLE_FENCED end
  if state == SETTLED then
    call('HSET', key, field, COUNTED)
    charge(batch, processor, stamp, amount)
  else
    call('HDEL', key, field)
  end
  return RECORDED
end

local function settle(books, batch, id, state, processor, stamp, amount, reason)
  local key, field = entry_place(books, id)
  local entry = call('HGET', key, field)
  if not entry then return SETTLE_FENCED end
  local before = byte(entry) % OTHER_AMOUNT
  if before >= SETTLED and before == state and sub(entry, 2, 2) == processor and sub(entry, 5, 10) == stamp then
    return RECORDED
  end
  if before ~= DISPATCHED or sub(entry, 24, 29) ~= batch.owner then
    return settle_stray(books, batch, id, state, processor, stamp, amount)
  end
  batch.released[#batch.released + 1] = id
  return finish(books, batch, id, key, field, entry, state, processor, stamp, amount, reason)
end

-- isPurged in commit.ts.
local WRONG_BY_MS = 60000
local function is_before_purge(books, detail)
  local requested_at, accepted_at = unpack('>I6I6', detail)
  return accepted_at < books.purged_at and books.purged_at <= max(accepted_at, requested_at) + WRONG_BY_MS
end

-- A new entry; `detail` is requestedAtMs, acceptedAtMs and amountCents as an entry holds them.
local function claim_unknown(books, batch, key, field, id, processor, detail)
  if is_before_purge(books, detail) then return PURGED end
  local entry
  if processor == NOBODY then
    entry = '\1\0\0\0' .. NEVER .. sub(detail, 7) .. batch.owner
  else
    entry = '\2' .. processor .. '\0\1' .. detail .. batch.owner
  end
  call('HSET', key, field, entry)
  batch.taken[#batch.taken + 1] = id
  return CLAIMED
end

local function note_other_amount(key, field, entry, first, amount)
  if first >= OTHER_AMOUNT then return end
  local fixed = first < SETTLED and 29 or 23
  call('HSET', key, field,
    char(first + OTHER_AMOUNT) .. sub(entry, 2, fixed) .. amount .. sub(entry, fixed + 1))
end

local function claim(books, batch, id, processor, detail)
  local key, field = entry_place(books, id)
  local entry = call('HGET', key, field)
  if not entry then return claim_unknown(books, batch, key, field, id, processor, detail) end
  local first = byte(entry)
  local before = first % OTHER_AMOUNT
  if sub(entry, 17, 23) ~= sub(detail, 13) then
    note_other_amount(key, field, entry, first, sub(detail, 13))
    return CONFLICT
  end
  if before >= SETTLED then return KNOWN end
  local holder = sub(entry, 24, 29)
  if processor == NOBODY then return holder == batch.owner and CLAIMED or KNOWN end
  if before == DISPATCHED and holder ~= batch.owner then return KNOWN end
  local stamp = sub(detail, 1, 6)
  -- The same processor and stamp again is the same commit again, and no further attempt.
  if before == DISPATCHED and sub(entry, 2, 2) == processor and sub(entry, 5, 10) == stamp then return CLAIMED end
  local attempts = math.min(unpack('>I2', entry, 3) + 1, MOST_ATTEMPTS)
  call('HSET', key, field, char(first - before + DISPATCHED) .. processor .. pack('>I2', attempts) .. stamp
    .. sub(entry, 11, 23) .. batch.owner .. sub(entry, 30))
  if holder ~= batch.owner then
    call('SREM', books.prefix .. 'o:' .. unpack('>I6', holder), id)
    batch.taken[#batch.taken + 1] = id
  end
  return CLAIMED
end

local function settle_all(books, batch, payload, at, count, replies, settle_one)
  for _ = 1, count do
    local id, state, processor, stamp, amount, length, reason
    id, state, processor, stamp, amount, length, at = unpack('>c16Bc1c6c7I2', payload, at)
    reason = sub(payload, at, at + length - 1)
    at = at + length
    replies[#replies + 1] = settle_one(books, batch, id, state, processor, stamp, amount, reason)
  end
  return at
end

local function claim_all(books, batch, payload, at, count, replies, claim_one)
  for _ = 1, count do
    local id, processor, detail
    id, processor, detail, at = unpack('>c16c1c19', payload, at)
    replies[#replies + 1] = claim_one(books, batch, id, processor, detail)
  end
end

local function claim_fenced()
  return CLAIM_FENCED
end

local function new_batch(owner)
  return { owner = owner, released = {}, taken = {}, leaves = {}, seconds = {} }
end

local function write_batch(books, batch)
  local key = books.prefix .. 'o:' .. unpack('>I6', batch.owner)
  in_slices('SREM', key, batch.released)
  in_slices('SADD', key, batch.taken)
  if next(batch.seconds) then write_calendar(books, batch.leaves, batch.seconds) end
end

-- args: books, payload (records.ts). One byte of reply for each settlement, then for each claim.
local function commit(keys, args)
  local payload = args[2]
  local session, owner, settle_count, claim_count, at = unpack('>c12c6I4I4', payload)
  local number = unpack('>I6', owner)
  local books, problem = open_books(keys, args, number)
  if not books then return problem end
  local row = books.owner_row
  if row and not meet(books, number, row, session) then return outdated() end
  local batch, replies = new_batch(owner), {}
  at = settle_all(books, batch, payload, at, settle_count, replies, settle)
  claim_all(books, batch, payload, at, claim_count, replies, row and lives(row) and claim or claim_fenced)
  write_batch(books, batch)
  return acknowledged(books, concat(replies))
end

-- Reading

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

-- Where the counters of a unit are kept: key and field, for each level of the calendar.
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

-- Adds the counters of units [low, high), which are all of one group.
local function sum_units(books, sums, level, low, high)
  if low >= high then return end
  local key, fields = nil, {}
  for unit = low, high - 1 do key, fields[#fields + 1] = level.place(unit) end
  for _, counters in ipairs(call('HMGET', books.prefix .. key, spread(fields))) do
    if counters then sum_into(sums, counters) end
  end
end

-- Adds what lies before the first and after the last whole group in units [low, high); answers the groups between.
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

-- args: books, the whole seconds of the window [low, high), and the seconds of its edges ('' for none).
-- Answers the counters of all processors, and both edge leaves.
local function summary(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local sums, low, high = {}, tonumber(args[2]), tonumber(args[3])
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
  local function leaf(second)
    return second ~= '' and call('GET', books.prefix .. 'l:' .. second) or ''
  end
  return { concat(parts), leaf(args[4]), leaf(args[5]) }
end

-- args: books, id
local function find(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  return call('HGET', entry_place(books, args[2]))
end

local HASHES = 65536
-- Most hashes that one page looks into, be they empty or not there.
local HASHES_A_PAGE = 1024

-- Whether an entry belongs to the walk over a window: mayHaveBeenSent in ledger.ts.
local function may_have_been_sent(entry, from, to)
  if unpack('>I6', entry, 11) > to then return false end
  return byte(entry) % OTHER_AMOUNT < SETTLED or unpack('>I6', entry, 5) >= from
end

-- args: books, fromMs, toMs, the first hash to look into, and how many entries to look at, at the least.
-- Answers the hash that the next page begins with, then id, entry, id, entry, ...
local function page(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local from, to = tonumber(args[2]), tonumber(args[3])
  local hash, limit = tonumber(args[4]), tonumber(args[5])
  local last, looked, shown = math.min(hash + HASHES_A_PAGE, HASHES), 0, { '' }
  while hash < last and looked < limit do
    local start = char(floor(hash / 256), hash % 256)
    local entries = call('HGETALL', books.prefix .. 'e:' .. start)
    for index = 2, #entries, 2 do
      if may_have_been_sent(entries[index], from, to) then
        shown[#shown + 1] = start .. entries[index - 1]
        shown[#shown + 1] = entries[index]
      end
    end
    hash, looked = hash + 1, looked + #entries / 2
  end
  if hash < HASHES then shown[1] = tostring(hash) end
  return shown
end

-- Health, purge, notices

local NO_HEALTH = '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'

-- args: books, processor number, the last turn that the caller knows of (double), the next one (double)
-- Answers the turn that stands (double) when it is a later one, and else nothing: the next one is taken.
local function take_health_turn(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local row = call('HGET', books.root .. 'health', args[2]) or NO_HEALTH
  if unpack('>d', row) > unpack('>d', args[3]) then return acknowledged(books, sub(row, 1, 8)) end
  call('HSET', books.root .. 'health', args[2], args[4] .. sub(row, 9))
  return acknowledged(books, '')
end

-- args: books, processor number, health row, whose turn does not count
local function publish_health(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local row = call('HGET', books.root .. 'health', args[2]) or NO_HEALTH
  call('HSET', books.root .. 'health', args[2], sub(row, 1, 8) .. sub(args[3], 9))
  call('PUBLISH', books.root .. 'notices:' .. args[1], 'H' .. char(tonumber(args[2])) .. sub(args[3], 9))
  return acknowledged(books, 0)
end

local function purge_books(books, id, generation, purged_at)
  call('HSET', books.meta, 'generation', generation, 'purgedAt', purged_at)
  books.generation, books.purged_at = generation, purged_at
  call('PUBLISH', books.root .. 'notices:' .. id, 'P' .. pack('>d', purged_at))
end

-- args: books, purgedAtMs (double)
local function purge(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  purge_books(books, args[1], books.generation + 1, max(books.purged_at, (unpack('>d', args[2]))))
  return acknowledged(books, books.generation)
end

-- args: books, a generation below which nothing is left
local function swept(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local before = tonumber(call('HGET', keys[1], 'swept') or '0')
  call('HSET', keys[1], 'swept', max(before, tonumber(args[2])))
  return 0
end

-- args: books. The state that the notices keep up to date: health rows by number, and purgedAtMs.
local function state(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  return { call('HGETALL', books.root .. 'health'), pack('>d', books.purged_at) }
end

-- args: books. Declared as a function that writes, so that Redis refuses it whenever it would refuse a commit.
local function ping(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  return 0
end

-- Restoring: what was acknowledged and then forgotten, said again. The last argument is the generation of the label.

-- Whether a purge has come after what is said again.
local function is_purged(books, args)
  return tonumber(args[#args]) < books.generation
end

-- An entry never has an owner that nobody could take it over from, or that nobody is shown.
local function keep_owner(books, owner)
  local row = call('HGET', books.meta, 'o:' .. owner)
  if not row then
    call('HSET', books.meta, 'o:' .. owner, pack('>d', 0) .. NO_SESSION .. FENCED .. NO_SEAT)
  elseif sub(row, 21, 21) == HANDED_OVER then
    fence(books, owner, row, FENCED)
  end
end

-- args: books, owner, session, leaseUntilMs (double), seat, generation
local function restore_owner(keys, args)
  local books, problem = open_books(keys, args, args[2])
  if not books then return problem end
  if not books.owner_row then call('HSET', keys[1], 'o:' .. args[2], args[4] .. args[3] .. LIVES .. args[5]) end
  return acknowledged(books, 0)
end

-- Somebody else's entry stands in the way of a claim. The same processor takes a payment once, whoever sends it; at
-- another one it may have been charged as well.
local function keep_stray(books, id, processor, owner, entry)
  if processor == NOBODY or processor == sub(entry, 2, 2) then return end
  local key, field = books.prefix .. 'x', id .. processor
  if call('HGET', key, field) ~= COUNTED then call('HSET', key, field, owner) end
end

-- The entry is there again.
local function recall_other_amount(books, id)
  local amount = call('HGET', books.prefix .. 'y', id)
  local key, field = entry_place(books, id)
  local entry = amount and call('HGET', key, field)
  if not entry then return end
  call('HDEL', books.prefix .. 'y', id)
  if sub(entry, 17, 23) ~= amount then note_other_amount(key, field, entry, byte(entry), amount) end
end

local function restore_claim(books, batch, id, processor, detail)
  local reply = claim(books, batch, id, processor, detail)
  if reply == KNOWN or reply == CONFLICT then
    keep_stray(books, id, processor, batch.owner, call('HGET', entry_place(books, id)))
  end
  recall_other_amount(books, id)
end

-- Its entry may not be there yet: whoever claimed that has yet to say so.
local function restore_conflict(books, _, id, _, detail)
  call('HSET', books.prefix .. 'y', id, sub(detail, 13))
  recall_other_amount(books, id)
end

-- What a processor has told for certain stands, whoever holds the entry by now.
local function restore_settlement(books, batch, id, state, processor, stamp, amount, reason)
  local key, field = entry_place(books, id)
  local entry = call('HGET', key, field)
  if not entry then
    if unpack('>I6', stamp) < books.purged_at then return end
    entry = '\2' .. processor .. '\0\1' .. stamp .. stamp .. amount .. batch.owner
  end
  if byte(entry) % OTHER_AMOUNT >= SETTLED or sub(entry, 2, 2) ~= processor then
    settle_stray(books, batch, id, state, processor, stamp, amount)
    return
  end
  call('SREM', books.prefix .. 'o:' .. unpack('>I6', entry, 24), id)
  finish(books, batch, id, key, field, entry, state, processor, stamp, amount, reason)
  recall_other_amount(books, id)
end

-- args: books, payload of a commit, its reply, generation
local function restore_commit(keys, args)
  local payload, said = args[2], args[3]
  local _, owner, settle_count, claim_count, at = unpack('>c12c6I4I4', payload)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  if is_purged(books, args) then return acknowledged(books, 0) end
  local batch, replies = new_batch(owner), {}
  -- What it did not do then, it does not do now.
  local function as_said(restores)
    return function(...)
      local reply = sub(said, #replies + 1, #replies + 1)
      local restore = restores[reply]
      if restore then restore(...) end
      return reply
    end
  end
  at = settle_all(books, batch, payload, at, settle_count, replies, as_said({ [RECORDED] = restore_settlement }))
  claim_all(books, batch, payload, at, claim_count, replies,
    as_said({ [CLAIMED] = restore_claim, [CONFLICT] = restore_conflict }))
  if #batch.taken > 0 then keep_owner(books, unpack('>I6', owner)) end
  write_batch(books, batch)
  return acknowledged(books, 0)
end

-- An entry as it was handed over. One that has been claimed more often since is newer than that. One that went on to a
-- second heir, who has spoken before the first, stays with the first: fenced, and so taken over once more.
local function restore_handed_over(books, id, shown, from, to)
  local key, field = entry_place(books, id)
  local entry, holder = call('HGET', key, field), from
  if entry then
    local state = byte(entry) % OTHER_AMOUNT
    holder = sub(entry, 24, 29)
    local is_older = unpack('>I2', entry, 3) <= unpack('>I2', shown, 3)
    -- Of a reserved entry nothing was sent: whoever claims it has it.
    if state >= SETTLED or not is_older or (holder ~= from and state ~= ACCEPTED) then
      if holder ~= to then keep_stray(books, id, sub(shown, 2, 2), to, entry) end
      return
    end
  elseif unpack('>I6', shown, 11) < books.purged_at then
    return
  end
  call('HSET', key, field, shown)
  call('SREM', books.prefix .. 'o:' .. unpack('>I6', holder), id)
  call('SADD', books.prefix .. 'o:' .. unpack('>I6', to), id)
  recall_other_amount(books, id)
end

-- args: books, from (6 B), to (6 B), id, entry, id, entry, ..., generation
local function restore_take_over(keys, args)
  local from, to = args[2], args[3]
  local from_owner = unpack('>I6', from)
  local books, problem = open_books(keys, args, from_owner)
  if not books then return problem end
  -- It stays even if it holds nothing, to be taken over to the end: others may still restore what it held, or itself.
  if books.owner_row then
    fence(books, from_owner, books.owner_row, FENCED)
  else
    keep_owner(books, from_owner)
  end
  if not is_purged(books, args) then
    keep_owner(books, unpack('>I6', to))
    for at = 4, #args - 2, 2 do restore_handed_over(books, args[at], args[at + 1], from, to) end
  end
  return acknowledged(books, 0)
end

-- args: books, purgedAtMs (double; 0 if it is not known), generation that it began
local function restore_purge(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local purged_at = max(books.purged_at, (unpack('>d', args[2])))
  local generation = max(books.generation, tonumber(args[3]))
  if purged_at > books.purged_at or generation > books.generation then
    purge_books(books, args[1], generation, purged_at)
  end
  return acknowledged(books, 0)
end

-- args: books, processor number, health row, generation
local function restore_health(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local before = call('HGET', books.root .. 'health', args[2]) or NO_HEALTH
  local turn = max(unpack('>d', before), (unpack('>d', args[3])))
  local latest = unpack('>d', args[3], 9) > unpack('>d', before, 9) and args[3] or before
  call('HSET', books.root .. 'health', args[2], pack('>d', turn) .. sub(latest, 9))
  return acknowledged(books, 0)
end

-- Opening and sweeping

local function now_us()
  local now = call('TIME')
  return now[1] * 1e6 + now[2]
end

-- What a connection must know: { books, generation, swept, life, its age in ms }, gaps, and { name, number, name, ... }.
local function registry(keys)
  local meta = call('HMGET', keys[1], 'layout', 'books', 'generation', 'swept', 'life', 'began', 'gaps')
  local layout = meta[1] or LAYOUT
  if layout ~= LAYOUT then
    return redis.error_reply('LAYOUT the books are of layout ' .. layout .. ', not ' .. LAYOUT)
  end
  local age_ms = floor(now_us() / 1000) - tonumber(meta[6] or '0')
  local known = { meta[2] or '', meta[3] or '0', meta[4] or '0', meta[5] or '', tostring(age_ms) }
  return { known, meta[7] or '', call('HGETALL', root_of(keys) .. 'processors') }
end

-- args: the id for new books, the life of this Redis, then names to number
local function register(keys, args)
  local known = registry(keys)
  if known.err then return known end
  if call('HSETNX', keys[1], 'books', args[1]) == 1 then
    -- Owners start at the time in milliseconds, so that books begun anew never give out an owner of the old ones again.
    local now = now_us()
    call('HSET', keys[1], 'layout', LAYOUT, 'owner', floor(now / 1000), 'writes', now, 'life', args[2])
  end
  local key = root_of(keys) .. 'processors'
  for index = 3, #args do
    local number = call('HLEN', key) + 1
    if call('HEXISTS', key, args[index]) == 0 then
      if number > MOST_PROCESSORS then return redis.error_reply('ERR more processors than the books can number') end
      call('HSET', key, args[index], number)
    end
  end
  return registry(keys)
end

-- args: books, the life of this Redis: what it remembers is where the last one ended.
local function begin(keys, args)
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
  return registry(keys)
end

local function add(name, run, flags)
  local function callback(keys, args)
    if not call then bind() end
    return run(keys, args)
  end
  redis.register_function({ function_name = LIBRARY .. '_' .. name, callback = callback, flags = flags or {} })
end

local READS = { 'no-writes' }
-- What is owed is restored even when Redis is full, so that it can still be read.
local OWED = { 'allow-oom' }
add('registry', registry, READS)
add('register', register)
add('begin', begin, OWED)
add('acquireLease', enlist)
add('renewLease', renew, OWED)
add('releaseLease', retire, OWED)
add('owners', owners, READS)
add('takeOver', take_over)
add('stranded', stranded, READS)
add('commit', commit)
add('summary', summary, READS)
add('find', find, READS)
add('page', page, READS)
add('purge', purge)
add('swept', swept)
add('takeHealthTurn', take_health_turn)
add('publishHealth', publish_health)
add('state', state, READS)
add('ping', ping)
add('restoreOwner', restore_owner, OWED)
add('restoreCommit', restore_commit, OWED)
add('restoreTakeOver', restore_take_over, OWED)
add('restorePurge', restore_purge, OWED)
add('restoreHealth', restore_health, OWED)
