import { createHash } from 'node:crypto'
import { MAX_PADDING } from '../../command/index.ts'
import { REMEMBERED_OPS } from '../../store.ts'

/**
 * Everything that happens to a session's key, as one script. `ARGV[1]` says what: `load`, `create`, `update`, `destroy`;
 * `ARGV[2]` is a list of what that needs, as JSON in which `false` stands for what is absent.
 *
 * The key is a hash: `m` is what is known of the session, `o` are its last operations, and each top-level field
 * of its data has its own, as JSON text, under its name with a dot before it (no field has a dot in its name). So a
 * command reads and writes the fields that it names, however large the others are. Lua has no rollback: `update`
 * computes everything first and then writes.
 */
export const SCRIPT = `
local key, action = KEYS[1], ARGV[1]
local byte, sub, find, format, concat = string.byte, string.sub, string.find, string.format, table.concat
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- 17 digits keep every double; Lua's own tostring keeps 14.
local function print(n) return format('%.17g', n) end

local function everything() return redis.call('HGETALL', key) end

if action == 'load' then return { now, everything() } end

---- JSON text, as JSON.stringify writes it: no white space, and one way to write each string ----

local function skip(s, i)
  local c = byte(s, i)
  if c == 34 then
    while true do
      i = find(s, '["\\\\]', i + 1)
      if byte(s, i) == 34 then return i + 1 end
      i = i + 1
    end
  elseif c == 123 or c == 91 then
    local depth = 0
    repeat
      i = find(s, '[%[%]{}"]', i)
      c = byte(s, i)
      if c == 34 then
        i = skip(s, i)
      else
        depth = depth + ((c == 123 or c == 91) and 1 or -1)
        i = i + 1
      end
    until depth == 0
    return i
  end
  return find(s, '[,%]}]', i) or #s + 1
end

local function kindOf(s)
  local c = byte(s)
  if c == 34 then return 'string' end
  if c == 123 then return sub(s, 1, 9) == '{"$date":' and 'date' or 'object' end
  if c == 91 then return 'list' end
  if c == 116 or c == 102 then return 'boolean' end
  if c == 110 then return 'null' end
  return 'number'
end

-- The values of a list or an object, and of an object their names too.
local function split(s)
  local values, names, i, object = {}, {}, 2, byte(s) == 123
  while i < #s do
    local j = i
    if object then
      j = skip(s, i)
      names[#names + 1] = sub(s, i, j - 1)
      i = j + 1
    end
    j = skip(s, i)
    values[#values + 1] = sub(s, i, j - 1)
    i = j + 1
  end
  return values, names
end

local function list(values) return '[' .. concat(values, ',') .. ']' end
local function object(values, names)
  local parts = {}
  for i = 1, #names do parts[i] = names[i] .. ':' .. values[i] end
  return '{' .. concat(parts, ',') .. '}'
end

-- Equal values have equal canonical texts: keys sorted, each number written the same way.
local function canonical(s)
  local kind = kindOf(s)
  if kind == 'number' then return print(tonumber(s)) end
  if kind ~= 'list' and kind ~= 'object' then return s end
  local values, names = split(s)
  for i = 1, #values do values[i] = canonical(values[i]) end
  if kind == 'list' then return list(values) end
  for i = 1, #values do values[i] = names[i] .. ':' .. values[i] end
  table.sort(values)
  return '{' .. concat(values, ',') .. '}'
end
local function equal(a, b)
  return a == b or (kindOf(a) == kindOf(b) and canonical(a) == canonical(b))
end

---- Paths ----

local function wrong(found) error({ found = found }) end

local function indexOf(name)
  local digits = string.match(name, '^"(%d+)"$')
  if digits and #digits <= 9 and (digits == '0' or byte(digits) ~= 48) then return tonumber(digits) end
end

local function child(node, name)
  local kind = kindOf(node)
  if kind ~= 'object' and kind ~= 'list' then return nil end
  local values, names = split(node)
  if kind == 'list' then
    local index = indexOf(name)
    return index and values[index + 1]
  end
  for i = 1, #names do
    if names[i] == name then return values[i] end
  end
end

-- Writes below a node and creates the parents that are missing.
local made, changed
local function place(node, path, at, kind, value, slice)
  local name = path[at]
  if not name then return made(kind, node, value, slice) end
  if not node then return '{' .. name .. ':' .. place(nil, path, at + 1, kind, value, slice) .. '}' end
  local shape = kindOf(node)
  if shape == 'object' then
    local values, names = split(node)
    for i = 1, #names do
      if names[i] == name then
        values[i] = place(values[i], path, at + 1, kind, value, slice)
        return object(values, names)
      end
    end
    names[#names + 1] = name
    values[#values + 1] = place(nil, path, at + 1, kind, value, slice)
    return object(values, names)
  end
  local index = shape == 'list' and indexOf(name)
  if not index then wrong(shape) end
  local values = split(node)
  if index > #values + ${MAX_PADDING} then wrong('a list that ends far before this index') end
  local new = place(values[index + 1], path, at + 1, kind, value, slice)
  while #values < index do values[#values + 1] = 'null' end
  values[index + 1] = new
  return list(values)
end

-- Changes what stands below a node, or removes it where the change gives nothing; leads the path nowhere, nothing happens.
local function edit(node, path, at, kind, value)
  local name = path[at]
  if not name then return changed(kind, node, value) end
  local shape = kindOf(node)
  if shape == 'object' then
    local values, names = split(node)
    for i = 1, #names do
      if names[i] == name then
        local new = edit(values[i], path, at + 1, kind, value)
        if new then
          values[i] = new
        else
          table.remove(values, i)
          table.remove(names, i)
        end
        return object(values, names)
      end
    end
  elseif shape == 'list' then
    local index, values = indexOf(name), split(node)
    if index and index < #values then
      values[index + 1] = edit(values[index + 1], path, at + 1, kind, value) or 'null'
      return list(values)
    end
  end
  return node
end

---- The fields that this call reads and changes ----

local before, after, touched = {}, {}, {}
local function get(name)
  if after[name] == nil then
    before[name] = redis.call('HGET', key, '.' .. name)
    after[name] = before[name]
    touched[#touched + 1] = name
  end
  return after[name] or nil
end

local function valueAt(path)
  local node = get(path[1])
  for i = 2, #path do
    if not node then return nil end
    node = child(node, path[i])
  end
  return node
end
local function crossesList(path)
  local node = get(path[1])
  for i = 2, #path do
    if not node then return false end
    local kind = kindOf(node)
    if kind == 'list' then return true end
    node = kind == 'object' and child(node, path[i])
  end
  return false
end

---- Commands ----

local function finite(n)
  if n ~= n or n == math.huge or n == -math.huge then wrong('a result that is no finite number') end
  return print(n + 0)
end
local function numberAt(node)
  if node and kindOf(node) ~= 'number' then wrong(kindOf(node)) end
  return tonumber(node or '0')
end
local function listAt(node)
  if kindOf(node) ~= 'list' then wrong(kindOf(node)) end
  return (split(node))
end
local function among(values, value)
  for _, one in ipairs(values) do
    if equal(one, value) then return true end
  end
  return false
end
local function hasFields(node, fields)
  if kindOf(node) ~= 'object' then return false end
  for _, field in ipairs(fields) do
    local found = child(node, field[1])
    if not found or not equal(found, field[2]) then return false end
  end
  return true
end

-- What a command that creates what is missing makes of a value, nil where there is none.
function made(kind, node, value, slice)
  if kind == 'set' then return value end
  if kind == 'currentDate' then return '{"$date":' .. print(now) .. '}' end
  if kind == 'inc' then return finite(numberAt(node) + tonumber(value)) end
  if kind == 'mul' then return finite(numberAt(node) * tonumber(value)) end
  if kind == 'min' or kind == 'max' then
    if not node then return value end
    local type = kindOf(value)
    if kindOf(node) ~= type then wrong(kindOf(node)) end
    local a = tonumber(type == 'date' and sub(value, 10, -2) or value)
    local b = tonumber(type == 'date' and sub(node, 10, -2) or node)
    if kind == 'min' then return a < b and value or node end
    return a > b and value or node
  end
  local values = node and listAt(node) or {}
  if kind == 'addToSet' then
    for _, one in ipairs(value) do
      if not among(values, one) then values[#values + 1] = one end
    end
    return list(values)
  end
  for _, one in ipairs(value) do values[#values + 1] = one end
  if not slice then return list(values) end
  slice = tonumber(slice)
  local from, to, kept = 1, slice, {}
  if slice < 0 then from, to = math.max(1, #values + slice + 1), #values end
  for i = from, math.min(to, #values) do kept[#kept + 1] = values[i] end
  return list(kept)
end

-- What a command that changes only what is there makes of a value; nil removes it.
function changed(kind, node, value)
  if kind == 'unset' or kind == 'take' then return nil end
  local values = listAt(node)
  if kind == 'pop' then
    if #values > 0 then table.remove(values, value == '1' and #values or 1) end
    return list(values)
  end
  local kept = {}
  for _, one in ipairs(values) do
    local out
    if kind == 'pullFields' then out = hasFields(one, value) else out = among(value, one) end
    if not out then kept[#kept + 1] = one end
  end
  return list(kept)
end

local CREATING = { set = 1, currentDate = 1, inc = 1, mul = 1, min = 1, max = 1, push = 1, addToSet = 1 }
local function run(kind, path, value, slice)
  local name = path[1]
  if CREATING[kind] then
    after[name] = place(get(name), path, 2, kind, value, slice)
  elseif kind == 'rename' then
    local moved = valueAt(path)
    if not moved then return end
    if crossesList(path) or crossesList(value) then wrong('element') end
    run('unset', path)
    run('set', value, moved)
  else
    local node = get(name)
    if node then after[name] = edit(node, path, 2, kind, value) or false end
  end
end

---- The session ----

-- What is known of it, as one line of words in this order, '' for what is absent. Lua takes it apart and puts it together
-- in a fraction of the time that it needs for JSON.
local function line(s)
  return concat({ s.version, s.size, s.remembered, s.expires, s.created, s.rotated, s.hash, s.epoch, s.maxAge or '',
    s.horizon or '', s.previous or '', s['until'] or '', s.authAt or '' }, ' ')
end
local function read(text)
  local s, number = {}, tonumber
  s.version, s.size, s.remembered, s.expires, s.created, s.rotated, s.hash, s.epoch, s.maxAge, s.horizon, s.previous,
    s['until'], s.authAt = string.match(text, '^${'(%S*) '.repeat(12)}(%S*)$')
  s.version, s.size, s.remembered, s.expires = number(s.version), number(s.size), number(s.remembered), number(s.expires)
  s.created, s.maxAge, s.horizon, s['until'] = number(s.created), number(s.maxAge), number(s.horizon), number(s['until'])
  -- An empty hash must not pass for a secret before the last rotation, where there was none.
  if s.previous == '' then s.previous = nil end
  return s
end

-- Whether the visitor may, as transition.ts judges it: nil when so, else the answer.
local function judge(stored, hash, created, maxLifetime)
  if not stored then return { 'absent' } end
  if stored.expires <= now then return { 'expired' } end
  if maxLifetime and stored.created + maxLifetime <= now then return { 'expired' } end
  if created then return stored.created ~= created and { 'absent' } or nil end
  if stored.hash == hash then return nil end
  if stored.previous ~= hash then return { 'mismatch' } end
  local ago = now - stored['until']
  return ago >= 0 and { 'reused', ago, stored.created } or nil
end

local request = cjson.decode(ARGV[2])

if action == 'create' then
  if redis.call('EXISTS', key) == 1 then return false end
  local hash, maxAge, idle, authenticated, created, horizon, dates = unpack(request)
  local expires = now + math.ceil(maxAge or idle)
  if horizon then expires = math.min(expires, horizon) end
  local size = 2
  for i = 3, #ARGV, 2 do size = size + #ARGV[i] + #ARGV[i + 1] + 2 end
  local known = line({
    hash = hash, version = 1, created = created or now, expires = expires, maxAge = maxAge or nil,
    authAt = authenticated and now or nil, rotated = now, epoch = '', size = size, horizon = horizon or nil,
    remembered = 0,
  })
  redis.call('HSET', key, 'm', known)
  -- Lua can't pass more than a few thousand arguments at once.
  for i = 3, #ARGV, 1000 do redis.call('HSET', key, unpack(ARGV, i, math.min(i + 999, #ARGV))) end
  for _, path in ipairs(dates) do run('currentDate', path) end
  for _, name in ipairs(touched) do redis.call('HSET', key, '.' .. name, after[name]) end
  local reply = { now, everything() }
  redis.call('PEXPIREAT', key, print(expires))
  return reply
end

local known = redis.call('HMGET', key, 'm', 'o')
local stored, ops = known[1] and read(known[1]), known[2] or ''

if action == 'destroy' then
  local hash, created, maxLifetime, path, value = unpack(request)
  local refused = judge(stored, hash, created, maxLifetime)
  if refused and refused[1] ~= 'reused' then return 0 end
  -- For one of the sessions of a value: only while it holds that value.
  if path then
    local found = valueAt(path)
    if not found or not equal(found, value) then return 0 end
  end
  return redis.call('DEL', key)
end

-- Until when the index has this session's new values (horizon), whether that is so of all its values, and for which
-- version.
local hash, created, maxLifetime, op, chain, idle, maxAge, least, from, to, grace, epoch, authenticated, limit, held,
  answer, horizon, all, only, repeatedSince = unpack(request)

-- Sent again: answered without the proof, because a rotation has itself made the old secret invalid.
if stored and stored.remembered > 0 then
  if find(' ' .. ops, ' ' .. op .. '@', 1, true) and stored.expires > now then
    return { 'changed', '', now, everything() }
  end
  local repeatable = not from and not (chain and #chain[2] > 0)
  if repeatedSince and not repeatable and stored.remembered >= ${REMEMBERED_OPS} and tonumber(string.match(ops, '@(%d+)')) >= repeatedSince then
    return { 'forgotten' }
  end
end
local refused = judge(stored, hash, created, maxLifetime)
if refused then return refused end
if from and stored.hash ~= from then return { 'outrun' } end
if only and stored.version ~= only then return { 'other version' } end

local commands, taken = 0, nil
if chain then
  for i, condition in ipairs(chain[1]) do
    local found = valueAt(condition[1])
    local holds = (not found and not condition[2]) or (found and condition[2] and equal(found, condition[2]))
    if not holds then return { 'refused', 'condition', i - 1 } end
  end
  commands = #chain[2]
  for i, command in ipairs(chain[2]) do
    if command[1] == 'take' then taken = valueAt(command[2]) end
    local ok, problem = pcall(run, command[1], command[2], command[3], command[4])
    if not ok then
      if type(problem) ~= 'table' or not problem.found then error(problem) end
      return { 'refused', 'type', i - 1, problem.found }
    end
  end
end
if limit and stored.size > limit then return { 'refused', 'size', stored.size, limit } end

if maxAge == 'none' then stored.maxAge = nil elseif maxAge then stored.maxAge = maxAge end
local clamped, wanted = '', now + math.ceil(stored.maxAge or idle)
local due = maxAge or wanted - stored.expires >= least
-- All values without a horizon: nothing of this session is indexed any more, and nothing limits it.
local noted = all or (horizon and (not stored.horizon or stored.horizon >= horizon))
if noted then stored.horizon = horizon or nil end
if due then
  stored.expires = wanted
  -- No session outlives its entries in the index: see indexing.ts.
  if stored.horizon and wanted > stored.horizon then
    stored.expires = stored.horizon
    clamped = '1'
  end
end
local had = stored.version

-- From here on nothing can fail.
if commands > 0 or from or due or authenticated or noted then
  local fields, gone = {}, {}
  for _, name in ipairs(touched) do
    local old, new = before[name], after[name]
    if new ~= old then
      if old then stored.size = stored.size - #name - #old - 3 end
      if new then
        stored.size = stored.size + #name + #new + 3
        fields[#fields + 1] = '.' .. name
        fields[#fields + 1] = new
      else
        gone[#gone + 1] = '.' .. name
      end
    end
  end
  if commands > 0 then stored.version = had + 1 end
  if authenticated then stored.authAt = now end
  if from then
    stored.hash, stored.previous, stored['until'], stored.rotated = to, from, now + grace, now
    if epoch then stored.epoch = epoch end
  end
  if commands > 0 or from then
    -- Not before the last one, though the clock has stepped back.
    local entry = op .. '@' .. print(math.max(now, tonumber(string.match(ops, '@(%d+)$', -20)) or 0))
    if stored.remembered >= ${REMEMBERED_OPS} then
      ops = sub(ops, find(ops, ' ', 1, true) + 1)
    else
      stored.remembered = stored.remembered + 1
    end
    fields[#fields + 1] = 'o'
    fields[#fields + 1] = ops == '' and entry or ops .. ' ' .. entry
  end
  redis.call('HSET', key, 'm', line(stored), unpack(fields))
  if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
end

local reply
if taken then
  reply = { 'changed', clamped, now, everything(), taken }
elseif not answer then
  reply = { 'done', clamped, now, stored.expires, stored.maxAge and print(stored.maxAge) or '', (hash and not from and stored.hash ~= hash) and 1 or 0 }
elseif held == had then
  reply = { 'held', clamped, now, stored.version, stored.expires }
else
  reply = { 'changed', clamped, now, everything() }
end
-- Last of all, because a time that has passed already removes the key at once.
if due then redis.call('PEXPIREAT', key, print(stored.expires)) end
return reply
`

export const SCRIPT_SHA = createHash('sha1').update(SCRIPT).digest('hex')
