--- @include "includes/books.lua"

-- args: books. Returns what operators have decided about processors, as JSON (processor-controls.ts), or ''.
define('controls', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  return call('HGET', keys[1], 'controls') or ''
end, READS)
