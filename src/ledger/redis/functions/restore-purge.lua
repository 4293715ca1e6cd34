--- @include "includes/labels.lua"
--- @include "includes/purge.lua"

-- args: books, purgedAtMs (double; 0 if unknown), the generation that the purge began
define('restorePurge', function(keys, args)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  local purged_at = max(books.purged_at, (unpack('>d', args[2])))
  local generation = max(books.generation, tonumber(args[3]))
  if purged_at > books.purged_at or generation > books.generation then
    purge_books(books, generation, purged_at)
  end
  return acknowledged(books, 0)
end, ALLOW_OOM)
