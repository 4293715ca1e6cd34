--- @include "includes/events.lua"

-- args: books, purgedAtMs (double). Returns the new places.
define('purge', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local frozen = refuse_frozen(books)
  if frozen then return frozen end
  local generation, purged_at = books.generation + 1, max(books.purged_at, (unpack('>d', args[2])))
  call('HSET', books.meta, 'generation', generation, 'purgedAt', purged_at)
  call('HDEL', books.meta, 'folding', 'hashes', 'payments')
  publish(books, 'P' .. pack('>d', purged_at))
  return generation .. ':' .. FIRST_HASHES
end)
