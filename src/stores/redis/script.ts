import { createHash } from 'node:crypto'
import { REMEMBERED_OPS } from '../../contract/store.ts'
import { INTERPRETER } from './interpreter.ts'
import { MAX_LINE, MAX_TOGETHER } from './layout.ts'

/**
 * Everything that happens to a session's key, as one script. `ARGV[1]` says what: `load`, `create`, `update`, `destroy`;
 * what follows stands at the head of each, `''` for what is absent. A chain is its conditions and then its commands, five
 * words each: what it is, the top-level key, the path below it as a list, and what goes with it. All of it is JSON text,
 * and so is every answer, after which fields that stand apart may follow. How a session is stored: see layout.ts.
 *
 * Lua has no rollback, so that `update` computes everything first and then writes.
 */
export const SCRIPT = `
local key, action = KEYS[1], ARGV[1]
local byte, sub, find, match, format, concat = string.byte, string.sub, string.find, string.match, string.format, table.concat
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- 17 digits keep every double; Lua's own tostring keeps 14.
local function print(n) return format('%.17g', n) end

-- The text of an answer with what is known and the data, its end; what stands apart follows the text as it is, because
-- Lua takes longer to join large texts than they take on their way.
local function show(head, known, together, apart)
  local text = head .. ',' .. known .. ',{' .. sub(together, 1, -3) .. '}]'
  if tonumber(apart) == 0 then return text end
  local all, parts = redis.call('HGETALL', key), { text }
  for i = 1, #all, 2 do
    if byte(all[i]) == 34 then
      parts[#parts + 1] = all[i]
      parts[#parts + 1] = all[i + 1]
    end
  end
  return parts
end

-- Whether the operations are wanted too.
if action == 'load' then
  local known, together, ops = unpack(redis.call('HMGET', key, '$m', '$d', ARGV[2] == '' and '' or '$o'))
  if not known then return '[' .. now .. ']' end
  return show('[' .. now .. ',' .. (ops or '""'), known, together, match(known, '%d+'))
end

---- The fields that this call reads and changes, as they were and as they become; false where there is none ----

local together, apart, size
local names, before, after, isApart = {}, {}, {}, {}
local function fetch(first)
  for at = first, #ARGV, 5 do
    names[#names + 1] = ARGV[at + 1]
    if ARGV[at] == 'rename' then names[#names + 1] = ARGV[at + 3] end
  end
  local values = redis.call('HMGET', key, '$m', '$o', '$d', unpack(names))
  together = values[3]
  for i, name in ipairs(names) do
    local value = values[i + 3]
    if value then
      isApart[name] = true
    elseif together then
      local _, colon = find(together, '\\n' .. name .. ':', 1, true)
      if colon then value = sub(together, colon + 1, find(together, '\\n', colon, true) - 2) end
    end
    before[name], after[name] = value, value
  end
  return values[1], values[2]
end

-- Puts what has become of them into the lines, and what stands apart into the lists of what is to be set and removed.
local function settle(set, gone)
  for _, name in ipairs(names) do
    local old, new = before[name], after[name]
    if new ~= old then
      -- A name may come twice.
      before[name] = new
      if old then size = size - #name - #old - 3 end
      if new then size = size + #name + #new + 3 end
      local line, colon = find(together, '\\n' .. name .. ':', 1, true)
      local ending = line and find(together, '\\n', colon, true)
      local fits = new and #new <= ${MAX_LINE} and (line or #together + #name + #new <= ${MAX_TOGETHER})
      if fits and line then
        together = sub(together, 1, colon) .. new .. sub(together, ending - 1)
      elseif fits then
        together = together .. name .. ':' .. new .. ',\\n'
      elseif line then
        together = sub(together, 1, line) .. sub(together, ending + 1)
      end
      if new and not fits then
        set[#set + 1] = name
        set[#set + 1] = new
        if not isApart[name] then apart = apart + 1 end
      elseif isApart[name] then
        gone[#gone + 1] = name
        apart = apart - 1
      end
    end
  end
end
${INTERPRETER}
local run, valueAt, equal, split
local function interpret()
  if not run then run, valueAt, equal, split = interpreter() end
end

local function found(name, path)
  if path == '' then return after[name] or nil end
  interpret()
  return valueAt(name, split(path))
end

-- Whether there is this value, '' for none.
local function holds(is, value)
  if not is or value == '' then return not is and value == '' end
  if is == value then return true end
  interpret()
  return equal(is, value)
end

-- Applies a chain; answers how many commands it has and what its take has found, or why it is refused.
local function apply(first)
  local conditions, commands, taken = 0, 0, ''
  for at = first, #ARGV, 5 do
    local kind, name, path, value = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
    if kind == 'if' then
      if not holds(found(name, path), value) then return nil, '["refused","condition",' .. conditions .. ']' end
      conditions = conditions + 1
    else
      if kind == 'take' then taken = found(name, path) or '' end
      local number = path == '' and kind == 'inc' and tonumber(after[name] or '0')
      local sum = number and number + value
      if path == '' and kind == 'set' then
        after[name] = value
      elseif path == '' and (kind == 'unset' or kind == 'take') then
        after[name] = false
      elseif sum and sum > -math.huge and sum < math.huge then
        -- The commands of most chains need no interpreter. Adding 0 makes 0 of -0.
        after[name] = print(sum + 0)
      else
        interpret()
        local ok, problem = pcall(run, kind, name, path == '' and {} or split(path), value, ARGV[at + 4])
        if not ok then
          if type(problem) ~= 'table' or not problem.found then error(problem) end
          return nil, '["refused","type",' .. commands .. ',"' .. problem.found .. '"]'
        end
      end
      commands = commands + 1
    end
  end
  return commands, taken
end

if action == 'create' then
  local hash, created, maxAge, idle, authenticated, horizon, count = unpack(ARGV, 2, 8)
  if redis.call('EXISTS', key) == 1 then return 'null' end
  if created == '' then created = print(now) end
  local expires = now + math.ceil(maxAge == 'null' and idle or maxAge)
  if horizon ~= 'null' then expires = math.min(expires, horizon) end
  together, apart = ARGV[9], count / 2
  size = #together + 1
  for i = 10, 9 + count, 2 do size = size + #ARGV[i] + #ARGV[i + 1] + 3 end
  -- Lua can't pass more than a few thousand arguments at once.
  for i = 10, 9 + count, 1000 do redis.call('HSET', key, unpack(ARGV, i, math.min(i + 999, 9 + count))) end
  if #ARGV > 9 + count then
    -- What the store's clock says replaces what stands for it.
    redis.call('HSET', key, '$d', together)
    fetch(10 + count)
    apply(10 + count)
    local set, gone = {}, {}
    settle(set, gone)
    if #set > 0 then redis.call('HSET', key, unpack(set)) end
    if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
  end
  local known = format('[%d,1,%d,0,%d,%s,%s,%s,"%s",%d,"",null,null,%s]', apart, size, expires, created, maxAge, horizon,
    hash, now, authenticated ~= '' and now or 'null')
  redis.call('HSET', key, '$m', known, '$d', together)
  local reply = show('[' .. now .. ',""', known, together, apart)
  redis.call('PEXPIREAT', key, print(expires))
  return reply
end

---- An update or a destroy: both begin with the proof ----

local byHash, byCreated, maxLifetime = ARGV[2], ARGV[3], ARGV[4]
local first = action == 'destroy' and 5 or 12
local known, ops = fetch(first)
local version, remembered, expires, created, maxAge, horizon, hash, rotated, epoch, previous, previousUntil, authAt
if known then
  apart, version, size, remembered, expires, created, maxAge, horizon, hash, rotated, epoch, previous, previousUntil, authAt =
    match(known, '^%[(%d+),(%d+),(%d+),(%d+),(%d+),([^,]+),([^,]+),([^,]+),"([^"]*)",([^,]+),"([^"]*)",([^,]+),([^,]+),([^,]+)%]$')
  remembered, expires = tonumber(remembered), tonumber(expires)
end

-- Why the visitor may not, as transition.ts judges it.
local refused
if not known then
  refused = '["absent"]'
elseif expires <= now or (maxLifetime ~= '' and created + maxLifetime <= now) then
  refused = '["expired"]'
elseif byCreated ~= '' then
  if tonumber(created) ~= tonumber(byCreated) then refused = '["absent"]' end
elseif hash ~= byHash then
  -- Where there was no rotation there is no secret before it, whatever the hash.
  if previous ~= '"' .. byHash .. '"' then
    refused = '["mismatch"]'
  elseif now >= tonumber(previousUntil) then
    refused = '["reused",' .. now - previousUntil .. ',' .. created .. ']'
  end
end

if action == 'destroy' then
  if refused and sub(refused, 1, 9) ~= '["reused"' then return 'false' end
  -- For one of the sessions of a value: only while it holds that value.
  if not apply(first) then return 'false' end
  return redis.call('DEL', key) == 1 and 'true' or 'false'
end

local op, idle, least, limit, held, answer = ARGV[5], ARGV[6], tonumber(ARGV[7]), ARGV[8], ARGV[9], ARGV[10] ~= ''
local rare = ARGV[11] == '' and {} or cjson.decode(ARGV[11])

-- Sent again: answered without the proof, because a rotation has itself made the old secret invalid.
if known and remembered > 0 then
  if find(ops, ' ' .. op .. '@', 1, true) and expires > now then
    return show('["changed",' .. now .. ',false,null', known, together, apart)
  end
  local repeatable = not rare.from and (#ARGV < first or ARGV[#ARGV - 4] == 'if')
  if rare.repeatedSince and not repeatable and remembered >= ${REMEMBERED_OPS}
    and tonumber(match(ops, '@(%d+)')) >= rare.repeatedSince then
    return '["forgotten"]'
  end
end
if refused then return refused end
if rare.from and hash ~= rare.from then return '["outrun"]' end
if rare.only and version ~= rare.only then return '["other version"]' end

local commands, taken = apply(first)
if not commands then return taken end
if limit ~= '' and tonumber(size) > tonumber(limit) then return '["refused","size",' .. size .. ',' .. limit .. ']' end

if rare.maxAge then maxAge = rare.maxAge end
local clamped, wanted = 'false', now + math.ceil(maxAge == 'null' and idle or maxAge)
local due = rare.maxAge or wanted - expires >= least
-- Until when the index has this session's new values (horizon); a change of one version only has all its values noted. All of
-- them without a horizon: nothing of this session is indexed any more, and nothing limits it.
local noted = rare.only or (rare.horizon and (horizon == 'null' or tonumber(horizon) >= rare.horizon))
if noted then horizon = rare.horizon and print(rare.horizon) or 'null' end
if due then
  expires = wanted
  -- No session outlives its entries in the index: see indexing.ts.
  if horizon ~= 'null' and wanted > tonumber(horizon) then
    expires = tonumber(horizon)
    clamped = 'true'
  end
end
local same = held == version

-- From here on nothing can fail.
if commands > 0 or rare.from or due or rare.authenticated or noted then
  local set, gone = { '$m', '' }, {}
  if commands > 0 then
    version = version + 1
    local was = together
    settle(set, gone)
    if together ~= was then
      set[#set + 1] = '$d'
      set[#set + 1] = together
    end
  end
  if rare.authenticated then authAt = print(now) end
  if rare.from then
    hash, previous, previousUntil, rotated = rare.to, '"' .. rare.from .. '"', print(now + rare.grace), print(now)
    epoch = rare.epoch or epoch
  end
  if commands > 0 or rare.from then
    local kept, last = 2, now
    -- Not before the last one, though the clock has stepped back.
    if remembered > 0 then last = math.max(now, match(ops, '@(%d+)"$', -20)) end
    if remembered < ${REMEMBERED_OPS} then remembered = remembered + 1 else kept = find(ops, ' ', 3, true) end
    set[#set + 1] = '$o'
    set[#set + 1] = '"' .. sub(ops or '""', kept, -2) .. ' ' .. op .. '@' .. last .. '"'
  end
  known = format('[%d,%d,%d,%d,%d,', apart, version, size, remembered, expires) .. created .. ',' .. maxAge .. ',' .. horizon
    .. ',"' .. hash .. '",' .. rotated .. ',"' .. epoch .. '",' .. previous .. ',' .. previousUntil .. ',' .. authAt .. ']'
  set[2] = known
  redis.call('HSET', key, unpack(set))
  if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
end

local reply
if taken ~= '' or (answer and not same) then
  reply = show('["changed",' .. now .. ',' .. clamped .. ',[' .. taken .. ']', known, together, apart)
elseif answer then
  reply = format('["held",%d,%s,%d,%d]', now, clamped, version, expires)
else
  local grace = byHash ~= '' and not rare.from and hash ~= byHash
  reply = format('["done",%d,%s,%d,%s,%s]', now, clamped, expires, maxAge, tostring(grace))
end
-- Last of all, because a time that has passed already removes the key at once.
if due then redis.call('PEXPIREAT', key, print(expires)) end
return reply
`

export const SCRIPT_SHA = createHash('sha1').update(SCRIPT).digest('hex')
