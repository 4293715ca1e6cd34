--- @include "includes/entries.lua"

-- args: books, nowMs (double), numbers of the processors that the caller knows (1 B each).
-- Counts the entries of expired owners at other processors: number, count, number, count, ...
define('stranded', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local meta, counts, shown = call('HGETALL', keys[1]), {}, {}
  for index = 1, #meta, 2 do
    local field, row = meta[index], meta[index + 1]
    if sub(field, 1, 2) == 'o:' and unpack('>d', row) <= unpack('>d', args[2]) then
      local owner = pack('>I6', tonumber(sub(field, 3)))
      for _, id in ipairs(call('ZRANGE', books.prefix .. field, 0, -1)) do
        local entry = get_entry(books, id)
        if entry and is_at_unknown_processor(entry, owner, args[3]) then
          local number = byte(entry, 2)
          counts[number] = (counts[number] or 0) + 1
        end
      end
    end
  end
  for number = 1, MOST_PROCESSORS do
    if counts[number] then
      shown[#shown + 1] = number
      shown[#shown + 1] = counts[number]
    end
  end
  return shown
end, READS)
