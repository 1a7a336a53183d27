/* Made from register.lua by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const REGISTER_LUA: string = `







local key, action = KEYS[1], ARGV[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)


local DAY = 86400000


local function read()
local all, leases, complete = redis.call('HGETALL', key), {}, {}
for i = 1, #all, 2 do
if string.sub(all[i], 1, 1) == '[' then leases[all[i]] = tonumber(all[i + 1]) else complete[all[i]] = all[i + 1] end
end
return leases, complete
end

local function setOf(list)
local set = {}
for _, field in ipairs(cjson.decode(list)) do set[field] = true end
return set
end


if action == 'write' then

local
fields,
duration
= unpack(ARGV, 2)
local noted, last, indexed = setOf(fields), now + tonumber(duration), false
local leases, complete = read()
for list, ends in pairs(leases) do
if ends + DAY < now then redis.call('HDEL', key, list) end
last = math.max(last, ends)
end
for field in pairs(complete) do
if noted[field] then indexed = true else redis.call('HDEL', key, field) end
end
redis.call('HSET', key, fields, string.format('%.0f', now + tonumber(duration)))
if indexed then redis.call('PERSIST', key) else redis.call('PEXPIREAT', key, string.format('%.0f', last + DAY)) end
return ''
end

if action == 'time' then return string.format('%.0f', now) end



if action == 'complete' then

local
fields,
started,
state
= unpack(ARGV, 2)
if now - tonumber(started) > DAY then return 0 end
for list, ends in pairs((read())) do
local noted = setOf(list)
for field in pairs(setOf(fields)) do
if ends > tonumber(started) and not noted[field] then return 0 end
end
end
for field in pairs(setOf(fields)) do redis.call('HSET', key, field, state) end
redis.call('PERSIST', key)
return 1
end


local
field
= ARGV[2]
return redis.call('HGET', key, field) or ''`
export const WRITE = ['fields', 'duration'] as const
export const COMPLETE = ['fields', 'started', 'state'] as const
export const STATE = ['field'] as const
