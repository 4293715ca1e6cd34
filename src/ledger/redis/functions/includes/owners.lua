--- @include "includes/books.lua"

-- Owners.
--
-- | owner row | bytes | field                                      |
-- |-----------|-------|--------------------------------------------|
-- | 1         | 8     | leaseUntilMs, double                       |
-- | 9         | 12    | session, see session.lua                   |
-- | 21        | 1     | state                                      |
-- | 22        |       | worker id: bytes of instanceId (2 B), then |
-- |           |       | instanceId and name                        |
--
-- | state         | meaning                                            | next                                            |
-- |---------------|----------------------------------------------------|-------------------------------------------------|
-- | 0 alive       | may claim and settle                               | 1 or 2 by a takeover                            |
-- | 1 fenced      | being taken over, may still have entries           | 2 when a takeover gets its last entries         |
-- | 2 handed over | no entries; shown only to a ledger that lost the    | 1 when one of its entries is restored           |
-- |               | reply with the last entries                        |                                                 |
-- | (no row)      | a takeover or a release found no entries           | 1 when one of its entries is restored           |
local ALIVE, FENCED, HANDED_OVER = '\0', '\1', '\2'

local function is_alive(row)
  return sub(row, 21, 21) == ALIVE
end

local function fence(books, owner, row, state)
  call('HSET', books.meta, 'o:' .. owner, pack('>d', 0) .. sub(row, 9, 20) .. state .. sub(row, 22))
end
