-- @from ../../contract/store.ts REMEMBERED_OPS
--
-- update and destroy. Both answer for the live secret only: it is by far the most common one, and it proves everything
-- else that a request may say of the session. For any other proof they answer `other`, and transition.ts judges it: see
-- #compute and destroy in index.ts.

-- @names proof
local
  secret,      -- SHA-256 of the secret that the request holds; '' if it has none
  maxLifetime, -- sessions older than this are over; '' for no limit
  bound        -- '1' if the request has shown that it comes from the session's device
  = unpack(ARGV, 2, 1 + PROOF_COUNT)
-- Where the chain begins.
local first = 2 + PROOF_COUNT + (action == 'update' and UPDATE_COUNT or DESTROY_COUNT)

local meta, ops = fetch(first)
local ends, memory
if meta then
  META = match(meta, META_PATTERN)
  ends, memory = tonumber(expires), tonumber(remembered)
end

-- The reply where there is no live session.
local over
if not meta then
  over = '{"outcome":"absent"}'
elseif ends <= now or (maxLifetime ~= '' and created + maxLifetime <= now) then
  over = '{"outcome":"expired"}'
end

-- Whether the session is still in the state that the oracle has judged.
local function isIn(state) return stateOf(meta, device) == state end

-- destroy: removes the session. Answers true if there was one to remove. Its chain has conditions only: one session of
-- those that hold a value is removed only while it holds it.
if action == 'destroy' then
  -- @names destroy
  local
    began, -- when the lifetime of the session began, for whoever needs no secret, or `any`; '' for the others
    state  -- the session is removed only in this state; '' for any
    = unpack(ARGV, 2 + PROOF_COUNT, 1 + PROOF_COUNT + DESTROY_COUNT)
  if over or (began ~= '' and began ~= 'any' and tonumber(created) ~= tonumber(began)) then return 'false' end
  if began == '' and hash ~= '"' .. secret .. '"' or state ~= '' and not isIn(state) then return '"other"' end
  if not apply(first) then return 'false' end
  return redis.call('DEL', key) == 1 and 'true' or 'false'
end

-- update: applies a change, all of it or nothing.
-- @names update
local
  op,       -- the id of this operation
  idle,     -- the application's idle time
  atLeast,  -- the expiry moves only by at least this much
  maxBytes, -- larger data may not grow; '' where the chain only removes
  held,     -- the version of the data that the caller has, a space, and the operation that made them; '' for none
  answer,   -- '1' if the caller wants the data
  rare      -- what few changes have, a JSON object: see `rareOf` in script.ts; '' for nothing
  = unpack(ARGV, 2 + PROOF_COUNT, 1 + PROOF_COUNT + UPDATE_COUNT)
atLeast, answer, rare = tonumber(atLeast), answer ~= '', rare == '' and {} or cjson.decode(rare)

-- An operation that is sent again is answered without the proof, because a rotation has made the old secret invalid
-- itself.
if meta and memory > 0 then
  if find(ops, ' ' .. op .. '@', 1, true) and ends > now then
    return show('{"outcome":"changed","now":' .. clock, meta, ops, together, apart, device)
  end
  local touch = not rare.to and not rare.authenticated and not rare.device and (#ARGV < first or ARGV[#ARGV - 4] == 'if')
  if rare.repeatedSince and not touch and memory >= REMEMBERED_OPS
    and tonumber(match(ops, '@(%d+)')) >= rare.repeatedSince then
    return '{"outcome":"forgotten"}'
  end
end
if over then return over end
if hash ~= '"' .. secret .. '"' or device and bound == '' or rare.state and not isIn(rare.state) then
  return '{"outcome":"other"}'
end
-- What the oracle has judged holds as of that time, and its answer names it.
if rare.at then now, clock = rare.at, whole(rare.at) end

local commands, taken = apply(first)
-- Not the commands, but why they are refused.
if not commands then return taken end
if maxBytes ~= '' and tonumber(size) > tonumber(maxBytes) then
  return '{"outcome":"refused","kind":"size","bytes":' .. size .. ',"limit":' .. maxBytes .. '}'
end

if rare.maxAge then maxAge = rare.maxAge end
local clamped, wanted = '', now + math.ceil(maxAge == 'null' and idle or maxAge)
local due = rare.maxAge or wanted - ends >= atLeast
-- Whether the horizon changes: until when the index has this session's new values. A change that holds for one state
-- has noted all of its values. If it brings no horizon, nothing of this session is indexed any more, and nothing limits it.
local noted = rare.state or (rare.horizon and (horizon == 'null' or tonumber(horizon) >= rare.horizon))
if noted then horizon = rare.horizon and print(rare.horizon) or 'null' end
if due then
  expires = print(wanted)
  -- No session outlives its entries in the index: see indexing.ts.
  if horizon ~= 'null' and wanted > tonumber(horizon) then
    expires = horizon
    clamped = ',"clamped":true'
  end
end
local same = held ~= '' and held == version .. ' ' .. lastOf(ops)
-- Nothing else tells that the response with this secret has arrived. The oracle says itself whether it has.
local used = previousKind == '"unused"' and (not rare.state or rare.used)

-- Whether this operation is remembered.
local counts = commands > 0 or rare.to or rare.authenticated or rare.device

-- From here on nothing can fail.
if counts or due or noted or used then
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
  -- A log-in may be another device's.
  if rare.authenticated and device or rare.device == '' then
    gone[#gone + 1] = '$b'
    device = false
  elseif rare.device then
    set[#set + 1] = '$b'
    set[#set + 1] = rare.device
    device = rare.device
  end
  if used then previousKind = '"used"' end
  if rare.to then
    previous, previousUntil = rare.replaced and '"' .. rare.replaced .. '"' or hash, print(now + rare.grace)
    previousKind = rare.epoch and '"explicit"' or '"unused"'
    hash, rotated = '"' .. rare.to .. '"', clock
    if rare.epoch then epoch = '"' .. rare.epoch .. '"' end
  end
  if counts then
    local kept, last = 2, clock
    -- Never before the one in front of it, even if the clock has stepped back.
    if memory > 0 then last = whole(math.max(now, match(ops, '@(%d+)"$', -20))) end
    if memory < REMEMBERED_OPS then remembered = whole(memory + 1) else kept = find(ops, ' ', 3, true) end
    ops = '"' .. sub(ops or '""', kept, -2) .. ' ' .. op .. '@' .. last .. '"'
    set[#set + 1] = '$o'
    set[#set + 1] = ops
  end
  meta = META_LIST
  set[2] = meta
  redis.call('HSET', key, unpack(set))
  if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
end

local reply
if taken ~= '' or (answer and not same) then
  local head = '{"outcome":"changed","now":' .. clock .. clamped .. ',"taken":[' .. taken .. ']'
  reply = show(head, meta, ops, together, apart, device)
else
  -- The most frequent reply of all, so it has no names and nothing that the caller knows: see AppliedAnswer in answers.ts.
  local rest = clamped
  if not counts then rest = rest .. ',"last":"' .. lastOf(ops) .. '"' end
  if device then rest = rest .. ',"device":' .. device end
  if rest ~= '' then rest = ',{' .. sub(rest, 2) .. '}' end
  local facts = { clock, version, expires, created, maxAge, authAt, rotated, epoch }
  reply = (same and '["held",' or '["done",') .. concat(facts, ',') .. rest .. ']'
end
-- Last of all, because a time that has already passed removes the key at once.
if due then redis.call('PEXPIREAT', key, expires) end
return reply
