--- @include "includes/redis.lua"

-- Keys. The first two keys of every call are <root>meta and <root>processors; <root> is the first without its last word. A
-- function that writes gets all further keys that it may touch after them (keys.ts), so that a cluster can check them before
-- it runs; a function that only reads names its keys itself. All keys share the hash tag of the root, so one cluster slot
-- holds the books. <g> is the generation: a purge increments it, which hides every key below it at once; a sweep unlinks
-- them later.
--
-- | key               | type   | holds                                                                         |
-- |-------------------|--------|-------------------------------------------------------------------------------|
-- | <root>meta        | hash   | layout, books (random id of this set of books), shard (which of how many,     |
-- |                   |        | such as 3/16), generation, swept (no older generation has keys), purgedAt,    |
-- |                   |        | owner (the last number given out), marks (mark.lua), keys (in a cluster how   |
-- |                   |        | many keys there are, redis.lua), hashes (how many there are, from             |
-- |                   |        | FIRST_HASHES on), payments (how many they hold), folding (folding.lua),       |
-- |                   |        | upkeepTurn (the last turn of upkeep), status of the books and, while they are |
-- |                   |        | frozen, the reason `frozen` (books-status.ts); controls of the processors and |
-- |                   |        | their version, controlsVersion (processor-controls.ts); o:<o> -> row of owner |
-- |                   |        | <o> (owners.lua); b:<name> -> version (double) and text of a bookmark         |
-- | <root>processors  | hash   | name -> number, 1 to 255, never changed                                       |
-- | <root>health      | hash   | processor number -> health row (health.lua)                                   |
-- | <root>actions     | hash   | number -> what an operator did to payments (action-log.lua)                   |
-- | <root>outbox      | stream | events for clients (outbox.lua)                                               |
-- | <root><g>:e:<h>   | hash   | id -> entry (entries.lua); <h> is the number of the hash. There are as many  |
-- |                   |        | as keep them small, so that they stay listpacks (hashes.lua)                  |
-- | <root><g>:o:<o>   | zset   | ids of the unfinished entries of owner <o>, all with score 0: ordered by id   |
-- | <root><g>:r       | zset   | ids of the rejected entries, likewise                                         |
-- | <root><g>:h       | zset   | ids of the held entries, likewise                                             |
-- | <root><g>:f       | hash   | processor and fee -> totals of what was settled at it (fees.lua)              |
-- | <root><g>:l:<s>   | string | time index: charges of second <s> (time-index.lua)                            |
-- | <root><g>:s:<m>   | hash   | time index: second in minute <m> -> counters                                  |
-- | <root><g>:c:<d>   | hash   | time index of day <d>: m0 to m1439 (minutes), h0 to h23 (hours), d (the day)  |
-- |                   |        | -> counters                                                                   |
-- | <root><g>:d       | set    | days that have counters                                                       |
--
-- All values are big-endian.

local MOST_PROCESSORS = 255
local FIRST_HASHES = 1024

-- The largest power of two that is not above the number of hashes (hashes.lua).
local function level_of(hashes)
  local _, exponent = math.frexp(hashes)
  return 2 ^ (exponent - 1)
end

local function root_of(keys)
  return sub(keys[1], 1, -5)
end

-- Returns the books if their id is args[1]. Returns nil and an error reply if they are others (after FLUSHALL, or a
-- restart without data): the caller's processor and owner numbers mean nothing there.
-- Given an owner number, `owner_row` is the row of that owner, or false.
local function open_books(keys, args, owner)
  local meta = call('HMGET', keys[1], 'books', 'generation', 'purgedAt', 'o:' .. (owner or ''), 'folding', 'hashes',
    'frozen')
  if meta[1] ~= args[1] then
    return nil, redis.error_reply('BOOKS Redis no longer holds the books that this connection opened')
  end
  local root = root_of(keys)
  -- Up to where the books are folded, from the row that folding.lua lays out.
  local seconds_ms, minutes_ms, hashes = 0, 0, tonumber(meta[6] or FIRST_HASHES)
  if meta[5] then seconds_ms, minutes_ms = unpack('>I6I6', meta[5]) end
  return {
    id = args[1],
    meta = keys[1],
    root = root,
    generation = tonumber(meta[2] or '0'),
    prefix = root .. (meta[2] or '0') .. ':',
    purged_at = tonumber(meta[3] or '0'),
    owner_row = meta[4],
    folding = meta[5],
    hashes = hashes,
    level = level_of(hashes),
    folded_seconds_ms = seconds_ms,
    folded_minutes_ms = minutes_ms,
    frozen = meta[7],
  }
end

-- Where keys are now: the generation and the number of hashes.
local function places_of(books)
  return books.generation .. ':' .. books.hashes
end

-- The same for a function whose keys depend on the places, which are args[2]: the error says the current ones.
local function open_places(keys, args, owner)
  local books, problem = open_books(keys, args, owner)
  if books and places_of(books) ~= args[2] then
    return nil, redis.error_reply('PLACES ' .. places_of(books))
  end
  return books, problem
end

-- An error reply while the books are frozen, for functions that change them.
local function refuse_frozen(books)
  return books.frozen and redis.error_reply('FROZEN ' .. books.frozen)
end

local function owner_set(books, owner)
  return books.prefix .. 'o:' .. unpack('>I6', owner)
end

local function rejected_set(books)
  return books.prefix .. 'r'
end

local function held_set(books)
  return books.prefix .. 'h'
end
