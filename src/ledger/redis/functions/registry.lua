--- @include "includes/registry.lua"

define('registry', read_registry, READS)
