--- @include "includes/entries.lua"
--- @include "includes/outbox.lua"

-- args: books, the position after which to read, how many. Returns position, event, position, event, ...
define('outbox', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local shown = {}
  for _, each in ipairs(call('XRANGE', outbox_key(books), '(' .. args[2], '+', 'COUNT', args[3])) do
    local row = each[2][2]
    if sub(row, 1, 1) == PAYMENT_EVENT then
      row = sub(row, 1, EVENT_ENTRY_AT - 1) .. unpacked(sub(row, EVENT_ENTRY_AT))
    end
    shown[#shown + 1] = each[1]
    shown[#shown + 1] = row
  end
  return shown
end, READS)
