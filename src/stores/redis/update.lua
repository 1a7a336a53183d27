-- @from ../../contract/store.ts REMEMBERED_OPS
--
-- update and destroy. Both answer for the live secret only: it is by far the most common one, and it proves everything
-- else that a request may say of the session. For any other proof they answer `other`, and transition.ts judges it: see
-- #compute and destroy in index.ts.

-- @names proof
local
  secret,      -- SHA-256 of the secret that the request holds, in quotes; '' if it has none
  maxLifetime, -- sessions older than this are over; '' for no limit
  bound        -- '1' if the request has shown that it comes from the session's device
  = unpack(ARGV, 2, 1 + PROOF_COUNT)
-- Where the chain begins.
local first = 2 + PROOF_COUNT + (action == 'update' and UPDATE_COUNT or DESTROY_COUNT)

local found = redis.call('HMGET', key, '$m', '$d', '$o')
local ops, ends, memory
meta, lines, ops = found[1], found[2], found[3] or ''
if meta then
  META = match(meta, META_PATTERN)
  ends, memory = expires + 0, remembered + 0
end

-- The reply where there is no live session.
local over
if not meta then
  over = '{"outcome":"absent"}'
elseif ends <= now or (maxLifetime ~= '' and created + maxLifetime <= now) then
  over = '{"outcome":"expired"}'
end

-- destroy: removes the session. Answers true if there was one to remove. Its chain has conditions only: one session of
-- those that hold a value is removed only while it holds it.
if action == 'destroy' then
  -- @names destroy
  local
    began, -- when the lifetime of the session began, for whoever needs no secret, or `any`; '' for the others
    state  -- the session is removed only in this state; '' for any
    = unpack(ARGV, 2 + PROOF_COUNT, 1 + PROOF_COUNT + DESTROY_COUNT)
  if over or (began ~= '' and began ~= 'any' and tonumber(created) ~= tonumber(began)) then return 'false' end
  if began == '' and hash ~= secret or state ~= '' and redis.sha1hex(meta) ~= state then return '"other"' end
  if not apply(fieldsOf(lines, apart), first, now) then return 'false' end
  return redis.call('DEL', key) == 1 and 'true' or 'false'
end

-- update: applies a change, all of it or nothing.
-- @names update
local
  op,       -- the id of this operation, in quotes
  idle,     -- the application's idle time
  atLeast,  -- the expiry moves only by at least this much
  maxBytes, -- larger data may not grow; '' where the chain only removes
  held,     -- the name of the data that the caller has, as in `wanted` of load; '' for none
  answer,   -- '1' if the caller wants the data
  rare      -- what few changes have, a JSON object: see `rareOf` in script.ts; '' for nothing
  = unpack(ARGV, 2 + PROOF_COUNT, 1 + PROOF_COUNT + UPDATE_COUNT)
rare = rare == '' and {} or cjson.decode(rare)

-- An operation that is sent again is answered without the proof, because a rotation has made the old secret invalid
-- itself.
if meta and ends > now and (op == last or find(ops, op, 1, true)) then
  return show('{"outcome":"changed","now":' .. clock, meta, lines)
end
if rare.repeatedSince and meta and memory >= REMEMBERED_OPS then
  local touch = not rare.to and not rare.authenticated and not rare.device and (#ARGV < first or ARGV[#ARGV - 4] == 'if')
  if not touch and match(ops, ',(%d+)') - rare.repeatedSince >= 0 then return '{"outcome":"forgotten"}' end
end
if over then return over end
-- FIXED ends with the device, an object or 0.
local isBound = string.byte(fixed, -2) == 125
if hash ~= secret or isBound and bound == '' or rare.state and redis.sha1hex(meta) ~= rare.state then
  return '{"outcome":"other"}'
end
-- What the oracle has judged holds as of that time, and its answer names it.
if rare.at then now, clock = rare.at, print(rare.at) end

local fields = fieldsOf(lines, apart)
local commands, taken = apply(fields, first, now)
-- Not the commands, but why they are refused.
if not commands then return taken end
if maxBytes ~= '' and size - maxBytes > 0 then
  return '{"outcome":"refused","kind":"size","bytes":' .. size .. ',"limit":' .. maxBytes .. '}'
end

if rare.maxAge then maxAge = rare.maxAge end
local clamped, wanted = '', now + math.ceil(maxAge == 'null' and idle or maxAge)
local due = rare.maxAge or wanted - ends - atLeast >= 0
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
local same = held ~= '' and held == version .. ',' .. last .. ',' .. created
-- Nothing else tells that the response with this secret has arrived. The oracle says itself whether it has.
local used = previousKind == '"unused"' and (not rare.state or rare.used)

-- Whether this operation is remembered.
local counts = commands > 0 or rare.to or rare.authenticated or rare.device

-- From here on nothing can fail.
if counts or due or noted or used then
  -- The fields that are stored apart.
  local set, gone = {}, nil
  if commands > 0 then
    gone = settle(fields, set)
    version, lines, apart = format('%d', version + 1), fields.lines, fields.apart
    if fields.growth ~= 0 then size = print(size + fields.growth) end
  end
  if used then previousKind = '"used"' end
  if rare.to or rare.authenticated or rare.device then
    FIXED = match(fixed, FIXED_PATTERN)
    if rare.authenticated then authAt = clock end
    -- A log-in may be another device's.
    if rare.authenticated and isBound or rare.device == '' then
      device = '0'
    elseif rare.device then
      device = rare.device
    end
    if rare.to then
      previous, previousUntil = rare.replaced and '"' .. rare.replaced .. '"' or hash, print(now + rare.grace)
      previousKind = rare.epoch and '"explicit"' or '"unused"'
      hash, rotated = '"' .. rare.to .. '"', clock
      if rare.epoch then epoch = '"' .. rare.epoch .. '"' end
    end
    fixed = FIXED_LIST
  end
  if counts then
    local kept = 1
    if memory < REMEMBERED_OPS then remembered = print(memory + 1) else kept = find(ops, ',"', 1, true) + 1 end
    if ops ~= '' then
      ops = sub(ops, kept) .. ',' .. last .. ',' .. lastAt
    elseif memory > 0 then
      ops = last .. ',' .. lastAt
    end
    -- Never before the one in front of it, even if the clock has stepped back.
    if lastAt - now < 0 then lastAt = clock end
    last = op
  end
  meta = META_LIST
  if counts then
    redis.call('HSET', key, '$m', meta, '$o', ops, '$d', lines, unpack(set))
  else
    redis.call('HSET', key, '$m', meta)
  end
  if gone then redis.call('HDEL', key, unpack(gone)) end
end

local reply
if taken ~= '' or (answer ~= '' and not same) then
  local head = '{"outcome":"changed","now":' .. clock .. clamped .. ',"taken":[' .. taken .. ']'
  reply = show(head, meta, lines)
else
  -- The most frequent reply of all, so it has no names and nothing that the caller knows: see AppliedAnswer in answers.ts.
  local rest = clamped
  if not counts then rest = rest .. ',"last":' .. last end
  if rest ~= '' then rest = ',{' .. sub(rest, 2) .. '}' end
  reply = (same and '["held",' or '["done",') .. clock .. ',' .. version .. ',' .. expires .. ',' .. created .. ',' .. maxAge .. ',' .. fixed .. rest .. ']'
end
-- Last of all, because a time that has already passed removes the key at once.
if due then redis.call('PEXPIREAT', key, expires) end
return reply
