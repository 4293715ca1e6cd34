--- @include "includes/books.lua"

-- args: books. Returns owner, row, owner, row, ...
define('owners', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local meta, shown = call('HGETALL', keys[1]), {}
  for index = 1, #meta, 2 do
    if sub(meta[index], 1, 2) == 'o:' then
      shown[#shown + 1] = sub(meta[index], 3)
      shown[#shown + 1] = meta[index + 1]
    end
  end
  return shown
end, READS)
