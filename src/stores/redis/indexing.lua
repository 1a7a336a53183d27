-- One value of an indexed field: which sessions hold it. A sorted set of their ids, each with the time until which its
-- entry is good. Entries that have outlived their time go at every visit. Why the index may be trusted: see indexing.ts.
--
-- In:  KEYS[1] is the key of the value, ARGV[1] the action: note, score, forget or members; then its parameters.
-- Out: note: until when the entry is good, as text. score: the same of an entry that is there, '' for none. forget: how
--      many entries it removed. members: all ids.
local key, action = KEYS[1], ARGV[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now))

if action == 'note' then
  -- @names note
  local
    id,      -- of the session
    duration -- for at least how long the entry is to be good
    = unpack(ARGV, 2)
  -- Always another time than before, so `forget` can tell that the entry was noted again.
  local last = math.max(now + math.ceil(tonumber(duration)), tonumber(redis.call('ZSCORE', key, id) or 0) + 1)
  redis.call('ZADD', key, string.format('%.0f', last), id)
  redis.call('PEXPIREAT', key, string.format('%.0f', redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]))
  return string.format('%.0f', last)
end

if action == 'score' then
  -- @names score
  local
    id -- of the session
    = ARGV[2]
  local score = redis.call('ZSCORE', key, id)
  return score and string.format('%.0f', score) or ''
end

if action == 'forget' then
  -- @names forget
  local
    id,   -- of the session
    score -- the entry goes only if it is still good until just then
    = unpack(ARGV, 2)
  if tonumber(redis.call('ZSCORE', key, id) or 0) ~= tonumber(score) then return 0 end
  return redis.call('ZREM', key, id)
end

return redis.call('ZRANGE', key, 0, -1)
