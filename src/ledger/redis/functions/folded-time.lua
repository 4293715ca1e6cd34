--- @include "includes/books.lua"

-- args: books. Returns the row of folding ('' if nothing is folded), then the days that have counters.
define('foldedTime', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  return { books.folding or '', spread(call('SMEMBERS', books.prefix .. 'd')) }
end, READS)
