/* Made from script.lua by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const SCRIPT_LUA: string = `












local key, action = KEYS[1], ARGV[1]
local byte, sub, find, match, format, concat = string.byte, string.sub, string.find, string.match, string.format, table.concat
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)


local function print(n) return format('%.17g', n) end
local function whole(n) return format('%d', n) end


local clock = whole(now)


local function lastOf(ops) return ops and match(ops, '^.* ([^@]*)') or '' end




local function outline(head, meta, ops, device)
if ops then head = head .. ',"ops":"' .. lastOf(ops) .. '"' end
if device then head = head .. ',"device":' .. device end
return head .. ',"meta":' .. meta
end
local function show(head, meta, ops, together, apart, device)
local text = outline(head, meta, ops, device) .. ',"data":{' .. sub(together, 1, -3) .. '}}'
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



local function stateOf(meta, device) return redis.sha1hex(meta .. (device or '')) end



local head
if action == 'load' then

local
wanted

= ARGV[2]
local judged = wanted == '1'
local found = redis.pcall('HMGET', key, '$m', '$d', '$b', '$o')

if found.err then return match(found.err, '^WRONGTYPE') and '{"now":' .. clock .. ',"foreign":true}' or found end
local meta, together, device, ops = unpack(found)
if not (meta and together) then return '{"now":' .. clock .. (redis.call('EXISTS', key) == 1 and ',"foreign":true' or '') .. '}' end
head = '{"now":' .. clock
if judged then head = head .. ',"ops":' .. (ops or '""') .. ',"state":"' .. stateOf(meta, device) .. '"' end
if wanted ~= '' and not judged then
local apart, version, size, remembered, expires, created, maxAge, horizon, hash, rotated, epoch, previous, previousUntil, previousKind, authAt = match(meta, '^%[([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+)%]$')
if wanted == version .. ' ' .. lastOf(ops) .. ' ' .. created then
return outline(head, meta, ops, device) .. ',"held":true}'
end
end
if #ARGV == 1 + 1 then return show(head, meta, not judged and ops, together, match(meta, '%d+'), device) end
end








local
apart,
version,
size,
remembered,
expires,
created,
maxAge,
horizon,
hash,
rotated,
epoch,
previous,
previousUntil,
previousKind,
authAt


local together


local device



local names, before, after, isApart = {}, {}, {}, {}


local function fetch(first)

local known = {}
local function touch(name)
if not known[name] then names[#names + 1] = name end
known[name] = true
end
for at = first, #ARGV, 5 do
touch(ARGV[at + 1])
if ARGV[at] == 'rename' then touch(ARGV[at + 3]) end
end
local values = redis.call('HMGET', key, '$m', '$o', '$d', '$b', unpack(names))
together, device = values[3], values[4]
for i, name in ipairs(names) do
local value = values[i + 4]
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



local function settle(set, gone)
for _, name in ipairs(names) do
local old, new = before[name], after[name]
if new ~= old then
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















local function interpreter()


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
if type(s) == 'table' then return s.names and 'object' or 'list' end
local c = byte(s)
if c == 34 then return 'string' end
if c == 123 then return sub(s, 1, 9) == '{"$date":' and 'date' or 'object' end
if c == 91 then return 'list' end
if c == 116 or c == 102 then return 'boolean' end
if c == 110 then return 'null' end
return 'number'
end


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



local function open(node)
if type(node) == 'table' then return node end
local values, names = split(node)
if byte(node) == 91 then return { values = values } end
local at = {}
for i = 1, #names do at[names[i]] = i end
return { values = values, names = names, at = at }
end
local function textOf(node)
if type(node) ~= 'table' then return node end
local parts, names = {}, node.names
for i, value in ipairs(node.values) do
if value then parts[#parts + 1] = names and names[i] .. ':' .. textOf(value) or textOf(value) end
end
return names and '{' .. concat(parts, ',') .. '}' or list(parts)
end


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



local function wrong(found) error({ found = found }) end

local function indexOf(name)
local digits = match(name, '^"(%d+)"$')
if digits and #digits <= 9 and (digits == '0' or byte(digits) ~= 48) then return tonumber(digits) end
end


local function positionOf(node, name)
if node.names then return node.at[name] end
local index = indexOf(name)
return index and index + 1
end


local made, changed
local function place(node, path, at, kind, value, slice)
local name = path[at]
if not name then return made(kind, node, value, slice) end
if not node then
local below = place(nil, path, at + 1, kind, value, slice)

if type(below) == 'table' then return { values = { below }, names = { name }, at = { [name] = 1 } } end
return '{' .. name .. ':' .. below .. '}'
end
local shape = kindOf(node)
if shape == 'object' then
node = open(node)
local i = node.at[name] or #node.names + 1
local new = place(node.values[i] or nil, path, at + 1, kind, value, slice)
node.names[i], node.values[i], node.at[name] = name, new, i
return node
end
local index = shape == 'list' and indexOf(name)
if not index then wrong(shape) end
node = open(node)
local values = node.values
if index > #values + ${MAX_PADDING} then wrong('a list that ends far before this index') end
local new = place(values[index + 1], path, at + 1, kind, value, slice)
while #values < index do values[#values + 1] = 'null' end
values[index + 1] = new
return node
end


local function edit(node, path, at, kind, value)
local name = path[at]
if not name then return changed(kind, node, value) end
local shape = kindOf(node)
if shape ~= 'object' and shape ~= 'list' then return node end
node = open(node)
local values, i = node.values, positionOf(node, name)
if i and values[i] then
values[i] = edit(values[i], path, at + 1, kind, value) or (shape == 'list' and 'null')
end
return node
end

local function walk(name, path)
local values, i, crosses = after, name, false
for at = 1, #path do
local shape = values[i] and kindOf(values[i])
if shape ~= 'object' and shape ~= 'list' then return nil, crosses end
crosses = crosses or shape == 'list'
local node = open(values[i])
values[i] = node
values, i = node.values, positionOf(node, path[at])
if not i then return nil, crosses end
end
return values[i] or nil, crosses
end



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

local function setOf(values)
local texts = {}
for i = 1, #values do texts[canonical(values[i])] = true end
return texts
end

local function hasFields(node, fields, count)
if kindOf(node) ~= 'object' then return false end
local values, names = split(node)
for i = 1, #names do
local text = fields[names[i]]
if text then
if canonical(values[i]) ~= text then return false end
count = count - 1
end
end
return count == 0
end


function made(kind, node, value, slice)
if kind == 'set' then return value end
if kind == 'currentDate' then return '{"$date":' .. print(now) .. '}' end
node = node and textOf(node)
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
local known = kind == 'addToSet' and setOf(values)
for _, one in ipairs(split(value)) do
local text = known and canonical(one)
if not text or not known[text] then
values[#values + 1] = one
if text then known[text] = true end
end
end
if slice == '' then return list(values) end
slice = tonumber(slice)
local from, to, kept = 1, slice, {}
if slice < 0 then from, to = math.max(1, #values + slice + 1), #values end
for i = from, math.min(to, #values) do kept[#kept + 1] = values[i] end
return list(kept)
end


function changed(kind, node, value)
if kind == 'unset' or kind == 'take' then return nil end
local values = listAt(textOf(node))
if kind == 'pop' then
if #values > 0 then table.remove(values, value == '1' and #values or 1) end
return list(values)
end
local pulled, names = split(value)
local fields = {}
for i = 1, #names do fields[names[i]] = canonical(pulled[i]) end
local set, kept = kind == 'pullAll' and setOf(pulled), {}
for _, one in ipairs(values) do
local out
if set then out = set[canonical(one)] else out = hasFields(one, fields, #names) end
if not out then kept[#kept + 1] = one end
end
return list(kept)
end

local CREATING = { set = 1, currentDate = 1, inc = 1, mul = 1, min = 1, max = 1, push = 1, addToSet = 1 }
local function run(kind, name, path, value, extra)
if CREATING[kind] then
after[name] = place(after[name] or nil, path, 1, kind, value, extra)
elseif kind == 'rename' then
local to = split(extra)
local moved, crosses = walk(name, path)
if not moved then return end
local _, crossesToo = walk(value, to)
if crosses or crossesToo then wrong('element') end
run('unset', name, path)
run('set', value, to, moved)
elseif after[name] then
after[name] = edit(after[name], path, 1, kind, value) or false
end
end

return run, walk, textOf, equal, split
end





local run, walk, textOf, equal, split
local function interpret()
if not run then run, walk, textOf, equal, split = interpreter() end
end


local function found(name, path)
local whole = after[name] or nil
if path == '' and type(whole) ~= 'table' then return whole end
interpret()
return textOf((walk(name, path == '' and {} or split(path))))
end


local function holds(is, value)
if not is or value == '' then return not is and value == '' end
if is == value then return true end
interpret()
return equal(is, value)
end



local function apply(first)
local conditions, commands, taken = 0, 0, ''
for at = first, #ARGV, 5 do
local kind, name, path, value = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
if kind == 'if' then
if not holds(found(name, path), value) then
return nil, '{"outcome":"refused","kind":"condition","index":' .. conditions .. '}'
end
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

after[name] = print(sum + 0)
else
interpret()
local ok, problem = pcall(run, kind, name, path == '' and {} or split(path), value, ARGV[at + 4])
if not ok then
if type(problem) ~= 'table' or not problem.found then error(problem) end
return nil, '{"outcome":"refused","kind":"type","index":' .. commands .. ',"found":"' .. problem.found .. '"}'
end
end
commands = commands + 1
end
end
for name, value in pairs(after) do
if type(value) == 'table' then after[name] = textOf(value) end
end
return commands, taken
end


if action == 'load' then
local first = 2 + 1
local meta = fetch(first)
local values = {}
for at = first, #ARGV, 5 do
local text = found(ARGV[at + 1], ARGV[at + 2])
local nested = text and (byte(text) == 91 or byte(text) == 123 and sub(text, 1, 9) ~= '{"$date":')
values[#values + 1] = not nested and text or 'null'
end
return head .. ',"meta":' .. meta .. ',"values":[' .. concat(values, ',') .. ']}'
end


if action == 'create' then

local
secret,
began,
ownIdle,
idle,
loggedIn,
noted,
lines,
count
= unpack(ARGV, 2, 1 + 8)
local first = 2 + 8

local chain = first + count

if redis.call('EXISTS', key) == 1 then return 'null' end
local ends = now + math.ceil(ownIdle == 'null' and idle or ownIdle)
if noted ~= 'null' then ends = math.min(ends, noted) end
together, apart = lines, whole(count / 2)
size = #together + 1
for i = first, chain - 1, 2 do size = size + #ARGV[i] + #ARGV[i + 1] + 3 end

for i = first, chain - 1, 1000 do redis.call('HSET', key, unpack(ARGV, i, math.min(i + 999, chain - 1))) end
if #ARGV >= chain then
redis.call('HSET', key, '$d', together)
fetch(chain)
apply(chain)
local set, gone = {}, {}
settle(set, gone)
if #set > 0 then redis.call('HSET', key, unpack(set)) end
if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
end

version, remembered, size, expires, maxAge, horizon = '1', '0', whole(size), print(ends), ownIdle, noted
hash, rotated, epoch = '"' .. secret .. '"', clock, '""'
previous, previousUntil, previousKind = 'null', 'null', 'null'
created = began == '' and clock or began
authAt = loggedIn == '' and 'null' or loggedIn == 'now' and clock or loggedIn
local meta = '[' .. apart .. ',' .. version .. ',' .. size .. ',' .. remembered .. ',' .. expires .. ',' .. created .. ',' .. maxAge .. ',' .. horizon .. ',' .. hash .. ',' .. rotated .. ',' .. epoch .. ',' .. previous .. ',' .. previousUntil .. ',' .. previousKind .. ',' .. authAt .. ']'
redis.call('HSET', key, '$m', meta, '$d', together)
local reply = show('{"now":' .. clock, meta, nil, together, apart)

redis.call('PEXPIREAT', key, expires)
return reply
end







local
secret,
maxLifetime,
bound
= unpack(ARGV, 2, 1 + 3)

local first = 2 + 3 + (action == 'update' and 7 or 2)

local meta, ops = fetch(first)
local ends, memory
if meta then
apart, version, size, remembered, expires, created, maxAge, horizon, hash, rotated, epoch, previous, previousUntil, previousKind, authAt = match(meta, '^%[([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+)%]$')
ends, memory = tonumber(expires), tonumber(remembered)
end


local over
if not meta then
over = '{"outcome":"absent"}'
elseif ends <= now or (maxLifetime ~= '' and created + maxLifetime <= now) then
over = '{"outcome":"expired"}'
end


local function isIn(state) return stateOf(meta, device) == state end



if action == 'destroy' then

local
began,
state
= unpack(ARGV, 2 + 3, 1 + 3 + 2)
if over or (began ~= '' and began ~= 'any' and tonumber(created) ~= tonumber(began)) then return 'false' end
if began == '' and hash ~= '"' .. secret .. '"' or state ~= '' and not isIn(state) then return '"other"' end
if not apply(first) then return 'false' end
return redis.call('DEL', key) == 1 and 'true' or 'false'
end



local
op,
idle,
atLeast,
maxBytes,
held,
answer,
rare
= unpack(ARGV, 2 + 3, 1 + 3 + 7)
atLeast, answer, rare = tonumber(atLeast), answer ~= '', rare == '' and {} or cjson.decode(rare)



if meta and memory > 0 then
if find(ops, ' ' .. op .. '@', 1, true) and ends > now then
return show('{"outcome":"changed","now":' .. clock, meta, ops, together, apart, device)
end
local touch = not rare.to and not rare.authenticated and not rare.device and (#ARGV < first or ARGV[#ARGV - 4] == 'if')
if rare.repeatedSince and not touch and memory >= ${REMEMBERED_OPS}
and tonumber(match(ops, '@(%d+)')) >= rare.repeatedSince then
return '{"outcome":"forgotten"}'
end
end
if over then return over end
if hash ~= '"' .. secret .. '"' or device and bound == '' or rare.state and not isIn(rare.state) then
return '{"outcome":"other"}'
end

if rare.at then now, clock = rare.at, whole(rare.at) end

local commands, taken = apply(first)

if not commands then return taken end
if maxBytes ~= '' and tonumber(size) > tonumber(maxBytes) then
return '{"outcome":"refused","kind":"size","bytes":' .. size .. ',"limit":' .. maxBytes .. '}'
end

if rare.maxAge then maxAge = rare.maxAge end
local clamped, wanted = '', now + math.ceil(maxAge == 'null' and idle or maxAge)
local due = rare.maxAge or wanted - ends >= atLeast


local noted = rare.state or (rare.horizon and (horizon == 'null' or tonumber(horizon) >= rare.horizon))
if noted then horizon = rare.horizon and print(rare.horizon) or 'null' end
if due then
expires = print(wanted)

if horizon ~= 'null' and wanted > tonumber(horizon) then
expires = horizon
clamped = ',"clamped":true'
end
end
local same = held ~= '' and held == version .. ' ' .. lastOf(ops)

local used = previousKind == '"unused"' and (not rare.state or rare.used)


local counts = commands > 0 or rare.to or rare.authenticated or rare.device


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

if memory > 0 then last = whole(math.max(now, match(ops, '@(%d+)"$', -20))) end
if memory < ${REMEMBERED_OPS} then remembered = whole(memory + 1) else kept = find(ops, ' ', 3, true) end
ops = '"' .. sub(ops or '""', kept, -2) .. ' ' .. op .. '@' .. last .. '"'
set[#set + 1] = '$o'
set[#set + 1] = ops
end
meta = '[' .. apart .. ',' .. version .. ',' .. size .. ',' .. remembered .. ',' .. expires .. ',' .. created .. ',' .. maxAge .. ',' .. horizon .. ',' .. hash .. ',' .. rotated .. ',' .. epoch .. ',' .. previous .. ',' .. previousUntil .. ',' .. previousKind .. ',' .. authAt .. ']'
set[2] = meta
redis.call('HSET', key, unpack(set))
if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
end

local reply
if taken ~= '' or (answer and not same) then
local head = '{"outcome":"changed","now":' .. clock .. clamped .. ',"taken":[' .. taken .. ']'
reply = show(head, meta, ops, together, apart, device)
else

local rest = clamped
if not counts then rest = rest .. ',"last":"' .. lastOf(ops) .. '"' end
if device then rest = rest .. ',"device":' .. device end
if rest ~= '' then rest = ',{' .. sub(rest, 2) .. '}' end
local facts = { clock, version, expires, created, maxAge, authAt, rotated, epoch }
reply = (same and '["held",' or '["done",') .. concat(facts, ',') .. rest .. ']'
end

if due then redis.call('PEXPIREAT', key, expires) end
return reply`
export const LOAD = ['wanted'] as const
export const META = ['apart', 'version', 'size', 'remembered', 'expires', 'created', 'maxAge', 'horizon', 'hash', 'rotated', 'epoch', 'previous', 'previousUntil', 'previousKind', 'authAt'] as const
export const CREATE = ['secret', 'began', 'ownIdle', 'idle', 'loggedIn', 'noted', 'lines', 'count'] as const
export const PROOF = ['secret', 'maxLifetime', 'bound'] as const
export const DESTROY = ['began', 'state'] as const
export const UPDATE = ['op', 'idle', 'atLeast', 'maxBytes', 'held', 'answer', 'rare'] as const
import { MAX_LINE, MAX_TOGETHER } from './layout.ts'
import { MAX_PADDING } from '../../algebra/index.ts'
import { REMEMBERED_OPS } from '../../contract/store.ts'
