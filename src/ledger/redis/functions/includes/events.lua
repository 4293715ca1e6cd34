--- @include "includes/books.lua"

-- Events. Channels, unlike keys, are shared by all databases of a Redis, so the channel name carries the id of the
-- books: <root>notices:<books>.
--
-- | event  | bytes                                                             |
-- |--------|-------------------------------------------------------------------|
-- | health | `H`, processor number (1 B), health row from its 9th byte         |
-- | purged | `P`, purgedAtMs (double)                                          |
local function publish(books, event)
  call('PUBLISH', books.root .. 'notices:' .. books.id, event)
end
