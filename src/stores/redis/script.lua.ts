/* Made from script.lua by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const SCRIPT_LUA: string = `

















local key, action = KEYS[1], ARGV[1]
local find, sub, match, format = string.find, string.sub, string.match, string.format


local time = redis.call('TIME')
local clock = format('%s%03d', time[1], time[2] / 1000)



local function show(head, meta, lines)
local text = head .. ',"meta":' .. meta .. ',"data":{' .. lines .. '}}'

if string.byte(meta, 2) == 48 then return text end
local all, parts = redis.call('HGETALL', KEYS[1]), { text }
for i = 1, #all, 2 do
if string.byte(all[i]) == 34 then
parts[#parts + 1] = all[i]
parts[#parts + 1] = all[i + 1]
end
end
return parts
end






local
apart,
version,
last,
created,
size,
remembered,
lastAt,
expires,
maxAge,
horizon,
hash,
previousKind,
fixed


local
authAt,
rotated,
epoch,
previous,
previousUntil,
device



local head, meta, lines
if action == 'load' then

local
wanted

= ARGV[2]
local found = redis.pcall('HMGET', key, '$m', '$d')

if found.err then return match(found.err, '^WRONGTYPE') and '{"now":' .. clock .. ',"foreign":true}' or found end
meta, lines = found[1], found[2]
if not (meta and lines) then return '{"now":' .. clock .. (redis.call('EXISTS', key) == 1 and ',"foreign":true' or '') .. '}' end
head = '{"now":' .. clock
if wanted == '1' then

local ops = redis.call('HMGET', key, '$o')[1] or ''
head = head .. ',"ops":[' .. ops .. '],"state":"' .. redis.sha1hex(meta) .. '"'
elseif wanted ~= '' then
if wanted == match(meta, ',([^,]+,[^,]+,[^,]+)') then return head .. ',"meta":' .. meta .. ',"held":true}' end
end
if #ARGV == 1 + 1 then return show(head, meta, lines) end
end

local now = clock + 0






local function print(n)
return string.format(n % 1 == 0 and n < 1e15 and n > -1e15 and '%d' or '%.17g', n)
end




local function fieldsOf(lines, apart)
return { lines = lines, apart = apart, growth = 0 }
end


local function endOf(lines, colon)
return (string.find(lines, '\\n', colon, true) or #lines + 2) - 2
end


local function touch(fields, name)
if fields[name] ~= nil then return end
local lines, value = fields.lines, false
local _, colon = string.find(lines, '\\n' .. name .. ':', 1, true)
if colon then
value = string.sub(lines, colon + 1, endOf(lines, colon))
elseif fields.apart ~= '0' then
value = redis.call('HMGET', KEYS[1], name)[1]
fields.large = fields.large or {}
fields.large[name] = value
end
fields[#fields + 1] = name
fields[name] = value
end



local function settle(fields, set)
local find, sub = string.find, string.sub
local lines, growth, more, gone = fields.lines, fields.growth, 0, nil
for i = 1, #fields do
local name = fields[i]
local new, large = fields[name], fields.large and fields.large[name]
local line, colon = find(lines, '\\n' .. name .. ':', 1, true)
local ending = line and endOf(lines, colon)
local old = line and sub(lines, colon + 1, ending) or large or false
if new ~= old then
if old then growth = growth - #name - #old - 3 end
if new then growth = growth + #name + #new + 3 end
local fits = new and #new <= ${MAX_LINE} and (line or #lines + #name + #new <= ${MAX_TOGETHER})
if fits and line then
lines = sub(lines, 1, colon) .. new .. sub(lines, ending + 1)
elseif fits then
lines = lines .. (lines == '' and '\\n' or ',\\n') .. name .. ':' .. new
elseif line then

local rest = sub(lines, ending + 2)
lines = sub(lines, 1, math.max(line - (rest == '' and 2 or 1), 0)) .. rest
end
if new and not fits then
set[#set + 1] = name
set[#set + 1] = new
if not large then more = more + 1 end
elseif large then
gone = gone or {}
gone[#gone + 1] = name
more = more - 1
end
end
end
fields.lines, fields.growth = lines, growth
if more ~= 0 then fields.apart = print(fields.apart + more) end
return gone
end














local function interpreter(after, now)
local byte, sub, find, match, concat = string.byte, string.sub, string.find, string.match, table.concat



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

local function keysOf(path) return path == '' and {} or split(path) end

local CREATING = { set = 1, currentDate = 1, inc = 1, mul = 1, min = 1, max = 1, push = 1, addToSet = 1 }
local function command(kind, name, path, value, extra)
if CREATING[kind] then
after[name] = place(after[name] or nil, path, 1, kind, value, extra)
elseif kind == 'rename' then
local to = split(extra)
local moved, crosses = walk(name, path)
if not moved then return end
local _, crossesToo = walk(value, to)
if crosses or crossesToo then wrong('element') end
command('unset', name, path)
command('set', value, to, moved)
elseif after[name] then
after[name] = edit(after[name], path, 1, kind, value) or false
end
end

local function run(kind, name, path, value, extra)
local ok, problem = pcall(command, kind, name, keysOf(path), value, extra)
if ok then return nil end
if type(problem) ~= 'table' or not problem.found then error(problem) end
return problem.found
end

local function found(name, path) return textOf((walk(name, keysOf(path)))) end

return { run = run, found = found, equal = equal, textOf = textOf }
end





local function added(text, by)
local number = tonumber(text)
local sum = number and number + by

if sum and sum > -math.huge and sum < math.huge then return print(sum + 0) end
end


local function inLine(fields, kind, name, new)
local find, sub = string.find, string.sub
if kind ~= 'set' and kind ~= 'inc' or fields[name] ~= nil then return false end
local lines = fields.lines
local _, colon = find(lines, '\\n' .. name .. ':', 1, true)
if not colon then return false end
local ending = endOf(lines, colon)
if kind == 'inc' then new = added(sub(lines, colon + 1, ending), new) end
if not new or #new > ${MAX_LINE} then return false end
fields.lines = sub(lines, 1, colon) .. new .. sub(lines, ending + 1)
fields.growth = fields.growth + #new - (ending - colon)
return true
end



local function apply(fields, first, now)
local conditions, commands, taken = 0, 0, ''

local deep
for at = first, #ARGV, 5 do
local kind, name, path, value = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
if path == '' and inLine(fields, kind, name, value) then
commands = commands + 1
else
touch(fields, name)
if kind == 'rename' then touch(fields, value) end
local is = fields[name]
local whole = path == '' and type(is) ~= 'table'
if not whole then
deep = deep or interpreter(fields, now)
if kind == 'if' or kind == 'take' then is = deep.found(name, path) end
end
if kind == 'if' then
local holds = is == value
if value == '' then
holds = not is
elseif is and not holds then
deep = deep or interpreter(fields, now)
holds = deep.equal(is, value)
end
if not holds then return nil, '{"outcome":"refused","kind":"condition","index":' .. conditions .. '}' end
conditions = conditions + 1
else
if kind == 'take' then taken = is or '' end
local sum = whole and kind == 'inc' and added(is or '0', value)
if whole and kind == 'set' then
fields[name] = value
elseif whole and (kind == 'unset' or kind == 'take') then
fields[name] = false
elseif sum then
fields[name] = sum
else
deep = deep or interpreter(fields, now)
local problem = deep.run(kind, name, path, value, ARGV[at + 4])
if problem then
return nil, '{"outcome":"refused","kind":"type","index":' .. commands .. ',"found":"' .. problem .. '"}'
end
end
commands = commands + 1
end
end
end
for i = 1, #fields do
local name = fields[i]
if type(fields[name]) == 'table' then fields[name] = deep.textOf(fields[name]) end
end
return commands, taken
end


if action == 'load' then
local fields = fieldsOf(lines, match(meta, '%d+'))
local found = interpreter(fields, now).found
local values = {}
for at = 2 + 1, #ARGV, 5 do
touch(fields, ARGV[at + 1])
local text = found(ARGV[at + 1], ARGV[at + 2])
local nested = text and (find(text, '^%[') or find(text, '^{') and sub(text, 1, 9) ~= '{"$date":')
values[#values + 1] = not nested and text or 'null'
end
return head .. ',"meta":' .. meta .. ',"values":[' .. table.concat(values, ',') .. ']}'
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
local bytes = lines == '' and 2 or #lines + 3
for i = first, chain - 1, 2 do bytes = bytes + #ARGV[i] + #ARGV[i + 1] + 3 end

for i = first, chain - 1, 1000 do redis.call('HSET', key, unpack(ARGV, i, math.min(i + 999, chain - 1))) end
local fields, set = fieldsOf(lines, print(count / 2)), { '$m', '' }
apply(fields, chain, now)
local gone = settle(fields, set)
if gone then redis.call('HDEL', key, unpack(gone)) end

version, remembered, expires, maxAge, horizon = '1', '0', print(ends), ownIdle, noted
lines, apart, size = fields.lines, fields.apart, print(bytes + fields.growth)
last, lastAt, hash, previousKind = '""', '0', secret, 'null'
created = began == '' and clock or began
authAt = loggedIn == '' and 'null' or loggedIn == 'now' and clock or loggedIn
rotated, epoch, previous, previousUntil, device = clock, '""', '0', '0', '0'
fixed = '[' .. authAt .. ',' .. rotated .. ',' .. epoch .. ',' .. previous .. ',' .. previousUntil .. ',' .. device .. ']'
set[2] = '[' .. apart .. ',' .. version .. ',' .. last .. ',' .. created .. ',' .. size .. ',' .. remembered .. ',' .. lastAt .. ',' .. expires .. ',' .. maxAge .. ',' .. horizon .. ',' .. hash .. ',' .. previousKind .. ',' .. fixed .. ']'
set[#set + 1] = '$d'
set[#set + 1] = lines
redis.call('HSET', key, unpack(set))
local reply = show('{"now":' .. clock, set[2], lines)

redis.call('PEXPIREAT', key, expires)
return reply
end







local
secret,
maxLifetime,
bound
= unpack(ARGV, 2, 1 + 3)

local first = 2 + 3 + (action == 'update' and 7 or 2)

local found = redis.call('HMGET', key, '$m', '$d', '$o')
local ops, ends, memory
meta, lines, ops = found[1], found[2], found[3] or ''
if meta then
apart, version, last, created, size, remembered, lastAt, expires, maxAge, horizon, hash, previousKind, fixed = match(meta, '^%[([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),(.+)%]$')
ends, memory = expires + 0, remembered + 0
end


local over
if not meta then
over = '{"outcome":"absent"}'
elseif ends <= now or (maxLifetime ~= '' and created + maxLifetime <= now) then
over = '{"outcome":"expired"}'
end



if action == 'destroy' then

local
began,
state
= unpack(ARGV, 2 + 3, 1 + 3 + 2)
if over or (began ~= '' and began ~= 'any' and tonumber(created) ~= tonumber(began)) then return 'false' end
if began == '' and hash ~= secret or state ~= '' and redis.sha1hex(meta) ~= state then return '"other"' end
if not apply(fieldsOf(lines, apart), first, now) then return 'false' end
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
rare = rare == '' and {} or cjson.decode(rare)



if meta and ends > now and (op == last or find(ops, op, 1, true)) then
return show('{"outcome":"changed","now":' .. clock, meta, lines)
end
if rare.repeatedSince and meta and memory >= ${REMEMBERED_OPS} then
local touch = not rare.to and not rare.authenticated and not rare.device and (#ARGV < first or ARGV[#ARGV - 4] == 'if')
if not touch and match(ops, ',(%d+)') - rare.repeatedSince >= 0 then return '{"outcome":"forgotten"}' end
end
if over then return over end

local isBound = string.byte(fixed, -2) == 125
if hash ~= secret or isBound and bound == '' or rare.state and redis.sha1hex(meta) ~= rare.state then
return '{"outcome":"other"}'
end

if rare.at then now, clock = rare.at, print(rare.at) end

local fields = fieldsOf(lines, apart)
local commands, taken = apply(fields, first, now)

if not commands then return taken end
if maxBytes ~= '' and size - maxBytes > 0 then
return '{"outcome":"refused","kind":"size","bytes":' .. size .. ',"limit":' .. maxBytes .. '}'
end

if rare.maxAge then maxAge = rare.maxAge end
local clamped, wanted = '', now + math.ceil(maxAge == 'null' and idle or maxAge)
local due = rare.maxAge or wanted - ends - atLeast >= 0


local noted = rare.state or (rare.horizon and (horizon == 'null' or tonumber(horizon) >= rare.horizon))
if noted then horizon = rare.horizon and print(rare.horizon) or 'null' end
if due then
expires = print(wanted)

if horizon ~= 'null' and wanted > tonumber(horizon) then
expires = horizon
clamped = ',"clamped":true'
end
end
local same = held ~= '' and held == version .. ',' .. last .. ',' .. created

local used = previousKind == '"unused"' and (not rare.state or rare.used)


local counts = commands > 0 or rare.to or rare.authenticated or rare.device


if counts or due or noted or used then

local set, gone = {}, nil
if commands > 0 then
gone = settle(fields, set)
version, lines, apart = format('%d', version + 1), fields.lines, fields.apart
if fields.growth ~= 0 then size = print(size + fields.growth) end
end
if used then previousKind = '"used"' end
if rare.to or rare.authenticated or rare.device then
authAt, rotated, epoch, previous, previousUntil, device = match(fixed, '^%[([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),(.+)%]$')
if rare.authenticated then authAt = clock end

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
fixed = '[' .. authAt .. ',' .. rotated .. ',' .. epoch .. ',' .. previous .. ',' .. previousUntil .. ',' .. device .. ']'
end
if counts then
local kept = 1
if memory < ${REMEMBERED_OPS} then remembered = print(memory + 1) else kept = find(ops, ',"', 1, true) + 1 end
if ops ~= '' then
ops = sub(ops, kept) .. ',' .. last .. ',' .. lastAt
elseif memory > 0 then
ops = last .. ',' .. lastAt
end

if lastAt - now < 0 then lastAt = clock end
last = op
end
meta = '[' .. apart .. ',' .. version .. ',' .. last .. ',' .. created .. ',' .. size .. ',' .. remembered .. ',' .. lastAt .. ',' .. expires .. ',' .. maxAge .. ',' .. horizon .. ',' .. hash .. ',' .. previousKind .. ',' .. fixed .. ']'
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

local rest = clamped
if not counts then rest = rest .. ',"last":' .. last end
if rest ~= '' then rest = ',{' .. sub(rest, 2) .. '}' end
reply = (same and '["held",' or '["done",') .. clock .. ',' .. version .. ',' .. expires .. ',' .. created .. ',' .. maxAge .. ',' .. fixed .. rest .. ']'
end

if due then redis.call('PEXPIREAT', key, expires) end
return reply`
export const META = ['apart', 'version', 'last', 'created', 'size', 'remembered', 'lastAt', 'expires', 'maxAge', 'horizon', 'hash', 'previousKind', 'fixed'] as const
export const FIXED = ['authAt', 'rotated', 'epoch', 'previous', 'previousUntil', 'device'] as const
export const LOAD = ['wanted'] as const
export const CREATE = ['secret', 'began', 'ownIdle', 'idle', 'loggedIn', 'noted', 'lines', 'count'] as const
export const PROOF = ['secret', 'maxLifetime', 'bound'] as const
export const DESTROY = ['began', 'state'] as const
export const UPDATE = ['op', 'idle', 'atLeast', 'maxBytes', 'held', 'answer', 'rare'] as const
import { MAX_LINE, MAX_TOGETHER } from './layout.ts'
import { MAX_PADDING } from '../../algebra/index.ts'
import { REMEMBERED_OPS } from '../../contract/store.ts'
