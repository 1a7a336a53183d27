-- @from ../../contract/store.ts REMEMBERED_OPS
--
-- update and destroy. Both begin with the proof of the visitor's right, and both judge it as transition.ts does.

-- @names proof
local
  byHash,     -- SHA-256 of the secret in the visitor's cookie; '' if the proof is byCreated
  byCreated,  -- when the lifetime of the session began that this request has loaded; '' if the proof is byHash
  maxLifetime -- sessions older than this are over; '' for no limit
  = unpack(ARGV, 2, 1 + PROOF_COUNT)
-- Where the chain begins.
local first = 2 + PROOF_COUNT
if action == 'update' then first = first + UPDATE_COUNT end

local meta, ops = fetch(first)
local ends, secret, memory
if meta then
  META = match(meta, META_PATTERN)
  ends, secret, memory = tonumber(expires), '"' .. byHash .. '"', tonumber(remembered)
end

-- The reply for a visitor without the right, nil for the others.
local refused
local late = false
if not meta then
  refused = '{"outcome":"absent"}'
elseif ends <= now or (maxLifetime ~= '' and created + maxLifetime <= now) then
  refused = '{"outcome":"expired"}'
elseif byCreated ~= '' then
  if tonumber(created) ~= tonumber(byCreated) then refused = '{"outcome":"absent"}' end
elseif hash ~= secret then
  if previous ~= secret then
    refused = '{"outcome":"mismatch"}'
  elseif now >= tonumber(previousUntil) then
    late = true
    refused = '{"outcome":"reused","ago":' .. now - previousUntil .. ',"created":' .. created .. '}'
  end
end

-- destroy: removes the session, also for a secret whose grace has ended. Answers true if there was one to remove. Its
-- chain has conditions only: one session of those that hold a value is removed only while it holds it.
if action == 'destroy' then
  if (refused and not late) or not apply(first) then return 'false' end
  return redis.call('DEL', key) == 1 and 'true' or 'false'
end

-- update: applies a change, all of it or nothing.
-- @names update
local
  op,       -- the id of this operation
  idle,     -- the application's idle time
  atLeast,  -- the expiry moves only by at least this much
  maxBytes, -- larger data may not grow; '' where the chain only removes
  held,     -- the version of the data that the caller has, '' for none
  answer,   -- '1' if the caller wants the data
  rare      -- what few changes have, a JSON object: see `rareOf` in script.ts; '' for nothing
  = unpack(ARGV, 2 + PROOF_COUNT, 1 + PROOF_COUNT + UPDATE_COUNT)
atLeast, answer, rare = tonumber(atLeast), answer ~= '', rare == '' and {} or cjson.decode(rare)

-- An operation that is sent again is answered without the proof, because a rotation has made the old secret invalid
-- itself.
if meta and memory > 0 then
  if find(ops, ' ' .. op .. '@', 1, true) and ends > now then
    return show('{"outcome":"changed","clamped":false,"now":' .. clock, meta, together, apart)
  end
  local touch = not rare.from and not rare.authenticated and (#ARGV < first or ARGV[#ARGV - 4] == 'if')
  if rare.repeatedSince and not touch and memory >= REMEMBERED_OPS
    and tonumber(match(ops, '@(%d+)')) >= rare.repeatedSince then
    return '{"outcome":"forgotten"}'
  end
end
if refused then return refused end
if rare.from and hash ~= '"' .. rare.from .. '"' then return '{"outcome":"outrun"}' end
if rare.only and version ~= rare.only then return '{"outcome":"other version"}' end

local commands, taken = apply(first)
-- Not the commands, but why they are refused.
if not commands then return taken end
if maxBytes ~= '' and tonumber(size) > tonumber(maxBytes) then
  return '{"outcome":"refused","kind":"size","bytes":' .. size .. ',"limit":' .. maxBytes .. '}'
end

if rare.maxAge then maxAge = rare.maxAge end
local clamped, wanted = 'false', now + math.ceil(maxAge == 'null' and idle or maxAge)
local due = rare.maxAge or wanted - ends >= atLeast
-- Whether the horizon changes: until when the index has this session's new values. A change that holds for one version
-- has noted all of its values. If it brings no horizon, nothing of this session is indexed any more, and nothing limits it.
local noted = rare.only or (rare.horizon and (horizon == 'null' or tonumber(horizon) >= rare.horizon))
if noted then horizon = rare.horizon and print(rare.horizon) or 'null' end
if due then
  expires = print(wanted)
  -- No session outlives its entries in the index: see indexing.ts.
  if horizon ~= 'null' and wanted > tonumber(horizon) then
    expires = horizon
    clamped = 'true'
  end
end
local same = held == version

-- From here on nothing can fail.
if commands > 0 or rare.from or due or rare.authenticated or noted then
  local set, gone = { '$m', '' }, {}
  if commands > 0 then
    local was = together
    settle(set, gone)
    version, apart, size = whole(version + 1), whole(apart), whole(size)
    if together ~= was then
      set[#set + 1] = '$d'
      set[#set + 1] = together
    end
  end
  if rare.authenticated then authAt = clock end
  if rare.from then
    previous, previousUntil = hash, print(now + rare.grace)
    hash, rotated = '"' .. rare.to .. '"', clock
    if rare.epoch then epoch = '"' .. rare.epoch .. '"' end
  end
  if commands > 0 or rare.from or rare.authenticated then
    local kept, last = 2, clock
    -- Never before the one in front of it, even if the clock has stepped back.
    if memory > 0 then last = whole(math.max(now, match(ops, '@(%d+)"$', -20))) end
    if memory < REMEMBERED_OPS then remembered = whole(memory + 1) else kept = find(ops, ' ', 3, true) end
    set[#set + 1] = '$o'
    set[#set + 1] = '"' .. sub(ops or '""', kept, -2) .. ' ' .. op .. '@' .. last .. '"'
  end
  meta = META_LIST
  set[2] = meta
  redis.call('HSET', key, unpack(set))
  if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
end

local reply
if taken ~= '' or (answer and not same) then
  local head = '{"outcome":"changed","now":' .. clock .. ',"clamped":' .. clamped .. ',"taken":[' .. taken .. ']'
  reply = show(head, meta, together, apart)
elseif answer then
  reply = '{"outcome":"held","now":' .. clock .. ',"clamped":' .. clamped .. ',"version":' .. version
    .. ',"expires":' .. expires .. '}'
else
  local grace = byHash ~= '' and not rare.from and hash ~= secret
  reply = '{"outcome":"done","now":' .. clock .. ',"clamped":' .. clamped .. ',"expires":' .. expires
    .. ',"maxAge":' .. maxAge .. ',"grace":' .. tostring(grace) .. '}'
end
-- Last of all, because a time that has already passed removes the key at once.
if due then redis.call('PEXPIREAT', key, expires) end
return reply
