-- create: inserts a session. Answers like load; null where the key is taken.

if action == 'create' then
  -- @names create
  local
    secret,        -- its SHA-256
    began,         -- when its lifetime began, '' for now
    ownIdle,       -- its own idle time, or null
    idle,          -- the application's idle time
    loggedIn,      -- when the visitor logged in: 'now', a time, or '' for never
    noted,         -- until when the index has its values, or null
    lines,         -- its small fields as they are stored
    count          -- how many words follow for those that are stored apart: the name and the value of each in turn
    = unpack(ARGV, 2, 1 + CREATE_COUNT)
  local first = 2 + CREATE_COUNT
  -- The chain sets what the store's clock says. It comes after the fields that are stored apart.
  local chain = first + count

  if redis.call('EXISTS', key) == 1 then return 'null' end
  local ends = now + math.ceil(ownIdle == 'null' and idle or ownIdle)
  if noted ~= 'null' then ends = math.min(ends, noted) end
  together, apart = lines, whole(count / 2)
  size = #together + 1
  for i = first, chain - 1, 2 do size = size + #ARGV[i] + #ARGV[i + 1] + 3 end
  -- Lua cannot pass more than a few thousand arguments at once.
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
  local meta = META_LIST
  redis.call('HSET', key, '$m', meta, '$d', together)
  local reply = show('{"now":' .. clock, meta, nil, together, apart)
  -- Last of all, because a time that has already passed removes the key at once.
  redis.call('PEXPIREAT', key, expires)
  return reply
end
