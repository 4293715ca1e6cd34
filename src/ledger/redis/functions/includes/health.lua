--- @include "includes/events.lua"

-- Health of the processors.
--
-- | health row | bytes | field                                        |
-- |------------|-------|----------------------------------------------|
-- | 1          | 8     | number of the last turn to check it, double  |
-- | 9          | 8     | checkedAtMs, double; 0: never                |
-- | 17         | 8     | minResponseTimeMs, double                    |
-- | 25         | 1     | failing, 0 or 1                              |
local NO_HEALTH = '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
