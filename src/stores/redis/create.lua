-- create: inserts a session. Answers like load; null where the key is taken.

if action == 'create' then
  -- @names create
  local
    secret,        -- its SHA-256, in quotes
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
  local bytes = lines == '' and 2 or #lines + 3
  for i = first, chain - 1, 2 do bytes = bytes + #ARGV[i] + #ARGV[i + 1] + 3 end
  -- Lua cannot pass more than a few thousand arguments at once.
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
  fixed = FIXED_LIST
  set[2] = META_LIST
  set[#set + 1] = '$d'
  set[#set + 1] = lines
  redis.call('HSET', key, unpack(set))
  local reply = show('{"now":' .. clock, set[2], lines)
  -- Last of all, because a time that has already passed removes the key at once.
  redis.call('PEXPIREAT', key, expires)
  return reply
end
