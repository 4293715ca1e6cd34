--- @include "includes/books.lua"

-- The hashes that hold the entries. There are as many as keep each of them small: one more is made by splitting one in two
-- (linear hashing), so that books of any size cost the same per payment. records.ts scatters an id so that its first four
-- bytes are a number `scattered` which is evenly distributed for any kind of UUID.
--
-- With 2^k to 2^(k+1) hashes, number `scattered % 2^(k+1)` holds an entry if it exists yet, or else the one from which it
-- will be split, number `scattered % 2^k`.

local function hash_of(books, scattered)
  local hash = scattered % (2 * books.level)
  return hash < books.hashes and hash or hash - books.level
end

local function hash_key(books, hash)
  return format('%se:%d', books.prefix, hash)
end

-- Makes one more hash, from the one that has held its entries.
local function split_hash(books)
  local old = hash_key(books, books.hashes - books.level)
  local entries, staying, moving = call('HGETALL', old), {}, {}
  for index = 1, #entries, 2 do
    local half = unpack('>I4', entries[index]) % (2 * books.level) == books.hashes and moving or staying
    half[#half + 1] = entries[index]
    half[#half + 1] = entries[index + 1]
  end
  -- Written anew, it is a listpack again, even if it had grown beyond one.
  call('UNLINK', old)
  in_slices('HSET', old, staying)
  in_slices('HSET', hash_key(books, books.hashes), moving)
  books.hashes = books.hashes + 1
  books.level = level_of(books.hashes)
end
