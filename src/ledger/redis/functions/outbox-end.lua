--- @include "includes/outbox.lua"

-- args: books. Returns the position of the last event that there is, or ''.
define('outboxEnd', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local last = call('XREVRANGE', outbox_key(books), '+', '-', 'COUNT', 1)[1]
  return last and last[1] or ''
end, READS)
