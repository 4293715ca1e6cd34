--- @include "includes/time-index.lua"

-- What the settled payments cost: the hash <root><g>:f of totals by processor and fee.
--
-- | field | bytes | field          | | value | bytes | field                                  |
-- |-------|-------|----------------| |-------|-------|----------------------------------------|
-- | 1     | 1     | processor      | | 1     | 6     | count                                  |
-- | 2     | 4     | feePpm         | | 7     | 8     | cents; 2^53 stands for 2^53 or more    |
-- | 6     | 4     | feeFixedCents  | |       |       |                                        |
local NO_FEE = '\255\255\255\255\255\255\255\255'

local function fees_key(books)
  return books.prefix .. 'f'
end

-- sums: field -> { count, cents }
local function count_fee(sums, processor, fee, cents)
  if fee == NO_FEE then return end
  local field = processor .. fee
  local sum = sums[field]
  if sum then
    sum[1], sum[2] = sum[1] + 1, sum[2] + cents
  else
    sums[field] = { 1, cents }
  end
end

local function write_fees(books, sums)
  local key = fees_key(books)
  for field, sum in pairs(sums) do
    local known, count, cents = call('HGET', key, field), 0, 0
    if known then count, cents = unpack('>I6I8', known) end
    call('HSET', key, field, pack('>I6I8', count + sum[1], math.min(cents + sum[2], MOST_CENTS)))
  end
end
