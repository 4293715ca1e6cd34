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
-- | state    | meaning                                      | next                              |
-- |----------|----------------------------------------------|-----------------------------------|
-- | 0 alive  | may claim and settle                         | 1, or no row                      |
-- | 1 fenced | being taken over, still has entries          | no row, once it has none          |
-- | (no row) | released, or taken over completely           |                                   |
local ALIVE, FENCED = '\0', '\1'

local function is_alive(row)
  return sub(row, 21, 21) == ALIVE
end

-- Nil if the owner of this call may write; otherwise the error. `what`: that which it would own.
local function refuse_taken_over(books, what)
  local row = books.owner_row
  if row and is_alive(row) then return nil end
  return redis.error_reply('OWNER the owner of ' .. what .. ' has been taken over')
end

local function fence(books, owner, row)
  call('HSET', books.meta, 'o:' .. owner, pack('>d', 0) .. sub(row, 9, 20) .. FENCED .. sub(row, 22))
end
