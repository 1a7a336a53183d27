import { createHash } from 'node:crypto'
import { MAX_PADDING } from '../../command/index.ts'
import { REMEMBERED_OPS } from '../../store.ts'

/**
 * Everything that happens to a session's key, as one script. `ARGV[1]` says what: `load`, `create`, `update`, `destroy`.
 *
 * The key is a hash: what is known of the session under plain names, and each top-level field of its data, as JSON text,
 * under its name with a dot before it (no field has a dot in its name). So a command reads and writes the fields that it
 * names, however large the others are. Lua has no rollback: `update` computes everything first and then writes.
 */
export const SCRIPT = `
local key, action = KEYS[1], ARGV[1]
local byte, sub, find, format, concat = string.byte, string.sub, string.find, string.format, table.concat
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- 17 digits keep every double; Lua's own tostring keeps 14.
local function print(n) return format('%.17g', n) end
local function given(i) return ARGV[i] ~= '' and ARGV[i] or nil end
local function everything() return redis.call('HGETALL', key) end

if action == 'load' then return { print(now), everything() } end

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
local function place(node, path, at, make)
  local name = path[at]
  if not name then return make(node) end
  if not node then return '{' .. name .. ':' .. place(nil, path, at + 1, make) .. '}' end
  local kind = kindOf(node)
  if kind == 'object' then
    local values, names = split(node)
    for i = 1, #names do
      if names[i] == name then
        values[i] = place(values[i], path, at + 1, make)
        return object(values, names)
      end
    end
    names[#names + 1] = name
    values[#values + 1] = place(nil, path, at + 1, make)
    return object(values, names)
  end
  local index = kind == 'list' and indexOf(name)
  if not index then wrong(kind) end
  local values = split(node)
  if index > #values + ${MAX_PADDING} then wrong('a list that ends far before this index') end
  local new = place(values[index + 1], path, at + 1, make)
  while #values < index do values[#values + 1] = 'null' end
  values[index + 1] = new
  return list(values)
end

-- Changes what stands below a node, or removes it where the change gives nothing; leads the path nowhere, nothing happens.
local function edit(node, path, at, change)
  local name = path[at]
  if not name then return change(node) end
  local kind = kindOf(node)
  if kind == 'object' then
    local values, names = split(node)
    for i = 1, #names do
      if names[i] == name then
        local new = edit(values[i], path, at + 1, change)
        if new then
          values[i] = new
        else
          table.remove(values, i)
          table.remove(names, i)
        end
        return object(values, names)
      end
    end
  elseif kind == 'list' then
    local index, values = indexOf(name), split(node)
    if index and index < #values then
      values[index + 1] = edit(values[index + 1], path, at + 1, change) or 'null'
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
local function put(name, text) after[name] = text or false end

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
local function placeAt(path, make) put(path[1], place(get(path[1]), path, 2, make)) end
local function editAt(path, change)
  local node = get(path[1])
  if node then put(path[1], edit(node, path, 2, change)) end
end

---- Commands ----

local function number(n)
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
-- Their order, of two numbers or two dates.
local function extreme(node, value, beats)
  if not node then return value end
  local kind = kindOf(value)
  if kindOf(node) ~= kind then wrong(kindOf(node)) end
  local function order(s) return tonumber(kind == 'date' and sub(s, 10, -2) or s) end
  return beats(order(value), order(node)) and value or node
end
local function without(matches)
  return function(node)
    local kept = {}
    for _, value in ipairs(listAt(node)) do
      if not matches(value) then kept[#kept + 1] = value end
    end
    return list(kept)
  end
end
local function among(values, value)
  for _, one in ipairs(values) do
    if equal(one, value) then return true end
  end
  return false
end

local run = {}
function run.set(path, value) placeAt(path, function() return value end) end
function run.currentDate(path) placeAt(path, function() return '{"$date":' .. print(now) .. '}' end) end
function run.unset(path) editAt(path, function() return nil end) end
run.take = run.unset
function run.inc(path, by) placeAt(path, function(node) return number(numberAt(node) + tonumber(by)) end) end
function run.mul(path, by) placeAt(path, function(node) return number(numberAt(node) * tonumber(by)) end) end
function run.min(path, value)
  placeAt(path, function(node) return extreme(node, value, function(a, b) return a < b end) end)
end
function run.max(path, value)
  placeAt(path, function(node) return extreme(node, value, function(a, b) return a > b end) end)
end
function run.push(path, more, slice)
  placeAt(path, function(node)
    local values, from, to = node and listAt(node) or {}, 1, nil
    for _, value in ipairs(more) do values[#values + 1] = value end
    if slice then
      slice = tonumber(slice)
      if slice < 0 then from = math.max(1, #values + slice + 1) else to = slice end
    end
    local kept = {}
    for i = from, math.min(to or #values, #values) do kept[#kept + 1] = values[i] end
    return list(kept)
  end)
end
function run.addToSet(path, more)
  placeAt(path, function(node)
    local values = node and listAt(node) or {}
    for _, value in ipairs(more) do
      if not among(values, value) then values[#values + 1] = value end
    end
    return list(values)
  end)
end
function run.pullAll(path, values)
  editAt(path, without(function(value) return among(values, value) end))
end
function run.pullFields(path, fields)
  editAt(path, without(function(value)
    if kindOf(value) ~= 'object' then return false end
    for _, field in ipairs(fields) do
      local found = child(value, field[1])
      if not found or not equal(found, field[2]) then return false end
    end
    return true
  end))
end
function run.pop(path, last)
  editAt(path, function(node)
    local values = listAt(node)
    if #values > 0 then table.remove(values, last == '1' and #values or 1) end
    return list(values)
  end)
end
function run.rename(path, to)
  local value = valueAt(path)
  if not value then return end
  if crossesList(path) or crossesList(to) then wrong('element') end
  run.unset(path)
  run.set(to, value)
end

---- The session ----

-- Whether the visitor may, as transition.ts judges it: undefined when so, else the answer.
local function judge(stored, hash, created, maxLifetime)
  if not stored.hash then return { 'absent' } end
  if tonumber(stored.expires) <= now then return { 'expired' } end
  if maxLifetime and tonumber(stored.created) + tonumber(maxLifetime) <= now then return { 'expired' } end
  if created then return stored.created ~= created and { 'absent' } or nil end
  if stored.hash == hash then return nil end
  if stored.previous ~= hash then return { 'mismatch' } end
  local ago = now - tonumber(stored['until'])
  return ago >= 0 and { 'reused', print(ago), stored.created } or nil
end

local NAMES = { 'hash', 'previous', 'until', 'version', 'created', 'expires', 'maxAge', 'ops', 'size', 'horizon' }
local function read()
  local values, stored = redis.call('HMGET', key, unpack(NAMES)), {}
  for i, name in ipairs(NAMES) do stored[name] = values[i] or nil end
  return stored
end
if action == 'create' then
  if redis.call('EXISTS', key) == 1 then return false end
  local maxAge, authenticated, horizon = given(3), given(5), given(7)
  local expires = now + math.ceil(tonumber(maxAge or ARGV[4]))
  if horizon then expires = math.min(expires, tonumber(horizon)) end
  local fields = {
    'hash', ARGV[2], 'version', '1', 'created', given(6) or print(now), 'expires', print(expires),
    'rotated', print(now), 'epoch', '', 'ops', '',
  }
  for name, value in pairs({ maxAge = maxAge or false, authAt = authenticated and print(now) or false, horizon = horizon or false }) do
    if value then
      fields[#fields + 1] = name
      fields[#fields + 1] = value
    end
  end
  local size = 2
  for i = 8, #ARGV, 2 do
    size = size + #ARGV[i] + #ARGV[i + 1] + 3
    fields[#fields + 1] = '.' .. ARGV[i]
    fields[#fields + 1] = ARGV[i + 1]
  end
  redis.call('HSET', key, 'size', print(size), unpack(fields))
  local reply = { print(now), everything() }
  redis.call('PEXPIREAT', key, print(expires))
  return reply
end

local stored = read()

if action == 'destroy' then
  local refused = judge(stored, given(2), given(3), given(4))
  if refused and refused[1] ~= 'reused' then return 0 end
  -- For one of the sessions of a value: only while it holds that value.
  if given(5) then
    local found = valueAt(cjson.decode(ARGV[5]))
    if not found or not equal(found, ARGV[6]) then return 0 end
  end
  return redis.call('DEL', key)
end

local op, chain = ARGV[5], given(6) and cjson.decode(ARGV[6])
local idle, maxAge, least = ARGV[7], given(8), tonumber(ARGV[9])
local from, to, grace, epoch = given(10), given(11), given(12), given(13)
local authenticated, limit, held, answer = given(14), given(15), given(16), given(17)
-- Until when the index has this session's new values, whether that is so of all its values, and for which version.
local horizon, all, only = given(18), given(19), given(20)
local repeatedAfter = given(21)

-- Sent again: answered without the proof, because a rotation has itself made the old secret invalid.
local ops, remembered = stored.ops or '', 0
if ops ~= '' then
  if find(' ' .. ops, ' ' .. op .. '@', 1, true) and tonumber(stored.expires) > now then
    return { 'changed', '', print(now), everything() }
  end
  remembered = 1 + select(2, string.gsub(ops, ' ', ' '))
  if repeatedAfter and remembered >= ${REMEMBERED_OPS} and tonumber(string.match(ops, '@(%d+)')) >= now - tonumber(repeatedAfter) then
    return { 'forgotten' }
  end
end
local refused = judge(stored, given(2), given(3), given(4))
if refused then return refused end
if from and stored.hash ~= from then return { 'outrun' } end
if only and stored.version ~= only then return { 'other version' } end

local commands, taken = 0, nil
if chain then
  for i, condition in ipairs(chain[1]) do
    local found = valueAt(condition[1])
    local holds = (not found and not condition[2]) or (found and condition[2] and equal(found, condition[2]))
    if not holds then return { 'refused', 'condition', tostring(i - 1) } end
  end
  commands = #chain[2]
  for i, command in ipairs(chain[2]) do
    if command[1] == 'take' then taken = valueAt(command[2]) end
    local ok, problem = pcall(run[command[1]], command[2], command[3], command[4])
    if not ok then
      if type(problem) ~= 'table' or not problem.found then error(problem) end
      return { 'refused', 'type', tostring(i - 1), problem.found }
    end
  end
end
if limit and tonumber(stored.size) > tonumber(limit) then return { 'refused', 'size', stored.size, limit } end

local own = stored.maxAge
if maxAge then own = maxAge ~= 'none' and maxAge or nil end
local expires, clamped = tonumber(stored.expires), ''
local wanted = now + math.ceil(tonumber(own or idle))
local due = maxAge or wanted - expires >= least
if horizon and not all and stored.horizon and tonumber(stored.horizon) < tonumber(horizon) then horizon = nil end
if horizon then stored.horizon = horizon end
if due then
  expires = wanted
  -- No session outlives its entries in the index: see indexing.ts.
  if stored.horizon and expires > tonumber(stored.horizon) then
    expires = tonumber(stored.horizon)
    clamped = '1'
  end
end
local version = tonumber(stored.version) + (commands > 0 and 1 or 0)

-- From here on nothing can fail.
if commands > 0 or from or due or authenticated or horizon then
  local fields, gone, size = { 'version', print(version), 'expires', print(expires) }, {}, tonumber(stored.size)
  local function field(name, value)
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  for _, name in ipairs(touched) do
    local old, new = before[name], after[name]
    if new ~= old then
      if old then size = size - #name - #old - 3 end
      if new then
        size = size + #name + #new + 3
        field('.' .. name, new)
      else
        gone[#gone + 1] = '.' .. name
      end
    end
  end
  field('size', print(size))
  if own then field('maxAge', own) elseif stored.maxAge then gone[#gone + 1] = 'maxAge' end
  if authenticated then field('authAt', print(now)) end
  if horizon then field('horizon', horizon) end
  if from then
    field('hash', to)
    field('previous', from)
    field('until', print(now + tonumber(grace)))
    field('rotated', print(now))
    if epoch then field('epoch', epoch) end
  end
  if commands > 0 or from then
    local entry = op .. '@' .. print(now)
    if remembered >= ${REMEMBERED_OPS} then ops = sub(ops, find(ops, ' ', 1, true) + 1) end
    field('ops', remembered == 0 and entry or ops .. ' ' .. entry)
  end
  redis.call('HSET', key, unpack(fields))
  if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
end

local reply
if taken then
  reply = { 'changed', clamped, print(now), everything(), taken }
elseif not answer then
  reply = { 'done', clamped }
elseif held == stored.version then
  reply = { 'held', clamped, print(now), print(version), print(expires) }
else
  reply = { 'changed', clamped, print(now), everything() }
end
-- Last of all, because a time that has passed already removes the key at once.
if due then redis.call('PEXPIREAT', key, print(expires)) end
return reply
`

export const SCRIPT_SHA = createHash('sha1').update(SCRIPT).digest('hex')
