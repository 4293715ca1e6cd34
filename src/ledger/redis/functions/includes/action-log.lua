--- @include "includes/books.lua"

-- Adds a row to the log of actions: the length of the action (4 B), the action as JSON, then the ids of its payments. An
-- action that was done to none is not logged.
local function log_action(books, key, action, ids, most)
  if #ids == 0 then return end
  local number = call('HINCRBY', books.meta, 'actions', 1)
  call('HSET', key, number, pack('>I4', #action) .. action .. concat(ids))
  call('HDEL', key, number - most)
end
