--- @include "includes/claim.lua"
--- @include "includes/labels.lua"
--- @include "includes/restore.lua"
--- @include "includes/settle.lua"

local function restore_claim(books, batch, id, processor, detail)
  local reply = claim(books, batch, id, processor, detail)
  if reply == KNOWN or reply == CONFLICT then
    keep_duplicate(books, id, processor, batch.owner, call('HGET', entry_place(books, id)))
  end
  recall_other_amount(books, id)
end

-- The entry may be missing until the gateway that claimed it restores it.
local function restore_conflict(books, _, id, _, detail)
  call('HSET', books.prefix .. 'y', id, sub(detail, 13))
  recall_other_amount(books, id)
end

-- What the processor reported is certain, so it is recorded no matter who owns the entry now.
local function restore_settlement(books, batch, id, state, processor, stamp, amount, reason)
  local key, field = entry_place(books, id)
  local entry = call('HGET', key, field)
  if not entry then
    if unpack('>I6', stamp) < books.purged_at then return end
    entry = '\2' .. processor .. '\0\1' .. stamp .. stamp .. amount .. batch.owner
  end
  if byte(entry) % OTHER_AMOUNT >= SETTLED or sub(entry, 2, 2) ~= processor then
    settle_duplicate(books, batch, id, state, processor, stamp, amount)
    return
  end
  call('SREM', books.prefix .. 'o:' .. unpack('>I6', entry, 24), id)
  finish(books, batch, id, key, field, entry, state, processor, stamp, amount, reason)
  recall_other_amount(books, id)
end

-- args: books, payload of a commit, its reply, generation
define('restoreCommit', function(keys, args)
  local payload, former = args[2], args[3]
  local _, owner, settle_count, claim_count, at = unpack('>c12c6I4I4', payload)
  local books, problem = open_books(keys, args)
  if not books then return problem end
  if is_purged(books, args) then return acknowledged(books, 0) end
  local batch, replies = new_batch(owner), {}
  -- Restores only what the commit did: what it refused stays refused.
  local function as_before(restores)
    return function(...)
      local reply = sub(former, #replies + 1, #replies + 1)
      local restore = restores[reply]
      if restore then restore(...) end
      return reply
    end
  end
  at = settle_all(books, batch, payload, at, settle_count, replies, as_before({ [RECORDED] = restore_settlement }))
  claim_all(books, batch, payload, at, claim_count, replies,
    as_before({ [CLAIMED] = restore_claim, [CONFLICT] = restore_conflict }))
  if #batch.taken > 0 then keep_owner(books, unpack('>I6', owner)) end
  write_batch(books, batch)
  return acknowledged(books, 0)
end, ALLOW_OOM)
