/* Made from indexing.lua by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const INDEXING_LUA: string = `





local key, action = KEYS[1], ARGV[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now))

if action == 'note' then

local
id,
duration
= unpack(ARGV, 2)

local last = math.max(now + math.ceil(tonumber(duration)), tonumber(redis.call('ZSCORE', key, id) or 0) + 1)
redis.call('ZADD', key, string.format('%.0f', last), id)
redis.call('PEXPIREAT', key, string.format('%.0f', redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]))
return string.format('%.0f', last)
end

if action == 'score' then

local
id
= ARGV[2]
local score = redis.call('ZSCORE', key, id)
return score and string.format('%.0f', score) or ''
end

if action == 'forget' then

local
id,
score
= unpack(ARGV, 2)
if tonumber(redis.call('ZSCORE', key, id) or 0) ~= tonumber(score) then return 0 end
return redis.call('ZREM', key, id)
end

return redis.call('ZRANGE', key, 0, -1)`
export const NOTE = ['id', 'duration'] as const
export const SCORE = ['id'] as const
export const FORGET = ['id', 'score'] as const
