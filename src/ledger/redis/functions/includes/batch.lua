--- @include "includes/entries.lua"
--- @include "includes/fees.lua"
--- @include "includes/outbox.lua"
--- @include "includes/time-index.lua"

-- A batch gathers what a commit changes besides its entries, so that each key is written once at the end.

-- held: ids whose claims wait for the set of their holder. new: how many payments were not known before; below 0: forgotten.
-- released, taken: ids that leave or join the owner's set. rejected: ids that join that of rejected entries. declared: other
-- owners whose sets are among the keys, 6 B each. events: for the outbox; nil if none are kept.
local function new_batch(owner, declared, keeps_events)
  return {
    owner = owner, declared = declared, released = {}, taken = {}, rejected = {}, buckets = {}, seconds = {},
    undeclared = {}, held = {}, new = 0, fees = {}, events = keeps_events and {} or nil,
  }
end

local function is_declared(batch, owner)
  for at = 1, #batch.declared, 6 do
    if sub(batch.declared, at, at + 5) == owner then return true end
  end
  return false
end

-- The owners of accepted payments whose sets are not among the keys, 6 B each. `step`: from one id to the next.
local function undeclared_owners(books, batch, payments, step)
  local owners = {}
  for at = 1, #payments, step do
    local entry = get_entry(books, sub(payments, at, at + 15))
    if entry and byte(entry) % OTHER_AMOUNT == ACCEPTED then
      local owner = sub(entry, 25, 30)
      if not is_declared(batch, owner) then owners[#owners + 1] = owner end
    end
  end
  return concat(owners)
end

-- `entry` is of a payment that has been settled or rejected.
local function report_finished(batch, id, charged, entry)
  local events = batch.events
  if events then events[#events + 1] = PAYMENT_EVENT .. id .. charged .. packed(entry) end
end

local function charge(batch, processor, stamp, amount, fee)
  local ms = unpack('>I6', stamp)
  local second = floor(ms / 1000)
  local bucket = batch.buckets[second]
  if not bucket then
    bucket = {}
    batch.buckets[second] = bucket
  end
  bucket[#bucket + 1] = charge_row(ms % 1000, processor, amount)
  local cents = unpack('>I7', amount)
  tally_up(batch.seconds, second, byte(processor), 1, cents)
  count_fee(batch.fees, processor, fee, cents)
end

local function write_batch(books, batch)
  local key = owner_set(books, batch.owner)
  in_slices('ZREM', key, batch.released)
  add_ids(key, batch.taken)
  add_ids(rejected_set(books), batch.rejected)
  if batch.new ~= 0 then call('HINCRBY', books.meta, 'payments', batch.new) end
  if next(batch.seconds) then write_time_index(books, batch.buckets, batch.seconds) end
  write_fees(books, batch.fees)
  if batch.events then append_events(books, batch.events) end
end
