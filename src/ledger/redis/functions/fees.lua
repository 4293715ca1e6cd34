--- @include "includes/fees.lua"

-- args: books. Returns the totals by processor and fee: field, value, field, value, ...
define('fees', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  return call('HGETALL', fees_key(books))
end, READS)
