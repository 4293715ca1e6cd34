--- @include "includes/events.lua"

local function purge_books(books, generation, purged_at)
  call('HSET', books.meta, 'generation', generation, 'purgedAt', purged_at)
  books.generation, books.purged_at = generation, purged_at
  publish(books, 'P' .. pack('>d', purged_at))
end
