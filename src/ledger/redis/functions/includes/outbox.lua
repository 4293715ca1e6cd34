--- @include "includes/books.lua"

-- The outbox: a stream of events (outbox.ts), whose ids are their positions. Each has one field, `e`:
--
-- | event of a payment | bytes | field                                                        |
-- |--------------------|-------|--------------------------------------------------------------|
-- | 1                  | 1     | `P`                                                          |
-- | 2                  | 16    | id                                                           |
-- | 18                 | 7     | what was charged, in cents                                   |
-- | 25                 | rest  | the entry as it is stored (entries.lua)                      |
--
-- That of a processor is JSON, which begins with `{`. Redis numbers the events by its own clock; a purge leaves them.
local PAYMENT_EVENT = 'P'
local EVENT_ENTRY_AT = 25

-- A caller that keeps no events gives no limits, and has not declared the key.
local function outbox_key(books)
  return books.root .. 'outbox'
end

local function append_events(books, rows)
  for _, row in ipairs(rows) do call('XADD', outbox_key(books), '*', 'e', row) end
end

-- Drops events of before `until_ms`, and what exceeds `most`, a few thousand at a time. A stream gives up whole nodes, of
-- some hundred events. Returns whether there may be more to drop.
local MOST_DROPPED = 10000
local function trim_outbox(books, until_ms, most)
  local key = outbox_key(books)
  local old = call('XTRIM', key, 'MINID', '~', string.format('%.0f', max(0, until_ms)), 'LIMIT', MOST_DROPPED)
  return old + call('XTRIM', key, 'MAXLEN', '~', most, 'LIMIT', MOST_DROPPED) > 0
end
