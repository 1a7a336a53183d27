-- The script of sessions, which also tells what has become of a session: for stores that were given a subscriber. The
-- others run script.lua as it is. The channel is named as the key is, so on a cluster it belongs to the same shard.
--
-- In, Out: as script.lua. Message: when the session began, and what has become of it: see Notice in ../../contract/store.ts.
--
-- @takes SCRIPT, PUBLISH
-- @from ./stored.ts VERSION_AT, FIXED_AT, CREATED_AT, EPOCH_AT
local function session()
SCRIPT
end
if ARGV[1] == 'load' or ARGV[1] == 'create' then return session() end

local function look()
  local meta = redis.pcall('HGET', KEYS[1], '$m')
  return type(meta) == 'string' and cjson.decode(meta)
end
local before = look()
local reply = session()
local after = look()
local what
if before and not after then
  what = 'gone'
elseif before and before[FIXED_AT][EPOCH_AT] ~= after[FIXED_AT][EPOCH_AT] then
  what = 'rotated'
elseif before and before[VERSION_AT] ~= after[VERSION_AT] then
  what = string.format('%.0f', after[VERSION_AT])
end
-- The change is applied, whether it can be told or not.
if what then redis.pcall('PUBLISH', KEYS[1], string.format('%.0f', before[CREATED_AT]) .. ' ' .. what) end
return reply
