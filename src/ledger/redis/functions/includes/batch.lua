--- @include "includes/entries.lua"
--- @include "includes/time-index.lua"

-- A batch gathers what a commit changes besides its entries, so that each key is written once at the end.

-- released, taken: ids that leave or join the owner's set.
local function new_batch(owner)
  return { owner = owner, released = {}, taken = {}, buckets = {}, seconds = {} }
end

local function charge(batch, processor, stamp, amount)
  local ms = unpack('>I6', stamp)
  local second = floor(ms / 1000)
  local bucket = batch.buckets[second]
  if not bucket then
    bucket = {}
    batch.buckets[second] = bucket
  end
  bucket[#bucket + 1] = pack('>I2', ms % 1000) .. processor .. amount
  tally_up(batch.seconds, second, byte(processor), 1, (unpack('>I7', amount)))
end

local function write_batch(books, batch)
  local key = books.prefix .. 'o:' .. unpack('>I6', batch.owner)
  in_slices('SREM', key, batch.released)
  in_slices('SADD', key, batch.taken)
  if next(batch.seconds) then write_time_index(books, batch.buckets, batch.seconds) end
end

-- Calls `settle_one` for each settlement of a payload (records.ts) and appends its replies. Returns where the claims
-- begin.
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

-- Calls `claim_one` for each claim of a payload and appends its replies.
local function claim_all(books, batch, payload, at, count, replies, claim_one)
  for _ = 1, count do
    local id, processor, detail
    id, processor, detail, at = unpack('>c16c1c19', payload, at)
    replies[#replies + 1] = claim_one(books, batch, id, processor, detail)
  end
end
