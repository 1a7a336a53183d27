-- Whether the index has every session: see register.ts. One hash with two kinds of fields:
--
--   a JSON list of indexed fields   until when a process may write sessions that notes just these
--   an indexed field                the state of the servers in which the index of this field became complete
--
-- In:  KEYS[1] is the key of the register, ARGV[1] the action: write, time, complete or state; then its parameters.
-- Out: write: nothing. time: the server's time, as text. complete: 1 if the index is complete now, else 0. state: of one
--      field, '' where its index is not complete.
local key, action = KEYS[1], ARGV[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- For how long a lease is remembered when it is over. No index takes longer to make.
local DAY = 86400000

-- The register's leases by their lists, and its complete fields by their names.
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

-- A process is going to write sessions. The index of any field that it does not note is complete no longer.
if action == 'write' then
  -- @names write
  local
    fields,  -- that the process notes, a JSON list
    duration -- for how long it may write
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

-- Every session was looked at and noted, from `started` on. That is not enough if meanwhile a process was writing that
-- does not note these fields.
if action == 'complete' then
  -- @names complete
  local
    fields,  -- whose index is complete, a JSON list
    started, -- the server's time before the first session was looked at
    state    -- of the servers, all the time
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

-- @names state
local
  field -- an indexed field
  = ARGV[2]
return redis.call('HGET', key, field) or ''
