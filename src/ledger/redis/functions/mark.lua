--- @include "includes/books.lua"

-- No args. Writes something, so that a WAIT behind it covers all that was written before, by anyone: a replica that has the
-- mark has everything that an earlier call of this connection has seen.
define('mark', function(keys)
  return call('HINCRBY', keys[1], 'marks', 1)
end, ALLOW_OOM)
