--- @include "includes/entries.lua"

-- How far the books are folded: the field `folding` of meta.
--
-- | folding | bytes | field                                                                                    |
-- |---------|-------|------------------------------------------------------------------------------------------|
-- | 1       | 6     | secondsMs, as in retention.ts                                                            |
-- | 7       | 6     | minutesMs                                                                                |
-- | 13      | 6     | untilMs: the walk through all hashes forgets entries from before                         |
-- | 19      | 4     | the hash where the walk continues; NO_WALK: it has ended                                 |
-- | 23      | 6     | the second where the removal of seconds continues: none before it has keys               |
-- | 29      | 4     | the hour where the removal of minutes continues                                          |
local NO_WALK = 2 ^ 32 - 1
local FOLDING = '>I6I6I6I4I6I4'

local function read_folding(row)
  local folding = { seconds_ms = 0, minutes_ms = 0, until_ms = 0, hash = NO_WALK, second = 0, hour = 0 }
  if row then
    folding.seconds_ms, folding.minutes_ms, folding.until_ms, folding.hash, folding.second, folding.hour =
      unpack(FOLDING, row)
  end
  return folding
end

local function folding_row(folding)
  return pack(FOLDING, folding.seconds_ms, folding.minutes_ms, folding.until_ms, folding.hash, folding.second,
    folding.hour)
end
