--- @include "includes/books.lua"

-- Labels: how lost writes are found. Redis can lose the last writes it acknowledged when it crashes or when a replica
-- is promoted. So each write that a gateway would miss is numbered, and its reply is { label, result }. A label is the
-- number of the write and the generation, two doubles.
--
-- A restart or promotion begins another life of Redis. The first connection in that life appends a gap: the numbers
-- from the last write that survived up to the time in microseconds, from which the new life counts on, so that no
-- number is used twice. A label within a gap belongs to a lost write, and the gateway that holds it calls the matching
-- `restore` function. Several gateways restore in any order, even after others have gone on; a restore never overwrites
-- a newer state.
--
-- | field of meta | holds                                                        |
-- |---------------|--------------------------------------------------------------|
-- | writes        | number of the last write                                     |
-- | life, began   | the life of Redis that did it; when that life began, ms      |
-- | gaps          | the latest gaps, 16 bytes each                               |
--
-- | gap | bytes | field                                         |
-- |-----|-------|-----------------------------------------------|
-- | 1   | 8     | number of the last write that survived, double |
-- | 9   | 8     | number from which the next life counts, double |
local GAP_BYTES, MOST_GAPS = 16, 32

-- Numbers a write; the reply with its label.
local function acknowledged(books, reply)
  return { pack('>dd', call('HINCRBY', books.meta, 'writes', 1), books.generation), reply }
end
