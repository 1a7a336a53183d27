-- Everything that happens to the key of a session: one script with four actions. How a session is stored: see layout.ts
-- and META in record.lua.
--
-- In:  KEYS[1] is the key of the session, and ARGV[1] the action: load, create, update or destroy. Then come the action's
--      parameters, in the order of their names: see `@names` in each file. '' stands for an absent one. Then comes a
--      chain, first its conditions and then its commands, five words each: see chain.lua.
-- Out: JSON text, an object: see answers.ts for its keys. If some fields of the data are stored apart, the reply is a
--      list: that text, and then the name and the value of each of these fields in turn.
--
-- Lua has no rollback. So `update` computes everything first, and then it writes.
--
-- The server makes everything below anew at each call. Three things take most of its time: a new string costs ten
-- instructions for each of its bytes, a number that is read or printed costs one or two thousand, and so do four variables
-- that a function shares with what is around it. So functions here take what they need as parameters, `x + 0` reads a number
-- in half of the time of tonumber(x), and what few calls need is made only for them.
--
-- An error of the server names a line of the whole text, with what is included. `node tools/languages.mjs where
-- src/stores/redis/script.lua LINE` says which line of which file that is.
local key, action = KEYS[1], ARGV[1]
local find, sub, match, format = string.find, string.sub, string.match, string.format

-- The time in milliseconds, as a reply and a record show it.
local time = redis.call('TIME')
local clock = format('%s%03d', time[1], time[2] / 1000)

-- The reply with a session, its record and its data. `head` begins the object. The fields that are stored apart follow the
-- text as they are, because joining large texts in Lua takes longer than sending them one by one.
local function show(head, meta, lines)
  local text = head .. ',"meta":' .. meta .. ',"data":{' .. lines .. '}}'
  -- META begins with the number of these fields.
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

-- @include record.lua

-- load: what is stored. It may be followed by a chain of conditions that name places: then the answer has the values at
-- these places instead of the data, see values.lua.
local head, meta, lines
if action == 'load' then
  -- @names load
  local
    wanted -- '1' for what the oracle judges: the remembered operations too, and a word for this state of the session. Or the
           -- name of the data that the caller holds, as it stands in META: their version, last operation and beginning
    = ARGV[2]
  local found = redis.pcall('HMGET', key, '$m', '$d')
  -- A key of another program, of another type.
  if found.err then return match(found.err, '^WRONGTYPE') and '{"now":' .. clock .. ',"foreign":true}' or found end
  meta, lines = found[1], found[2]
  if not (meta and lines) then return '{"now":' .. clock .. (redis.call('EXISTS', key) == 1 and ',"foreign":true' or '') .. '}' end
  head = '{"now":' .. clock
  if wanted == '1' then
    -- META has everything that the oracle judges: each change renews the last operation, and each rotation the hash.
    local ops = redis.call('HMGET', key, '$o')[1] or ''
    head = head .. ',"ops":[' .. ops .. '],"state":"' .. redis.sha1hex(meta) .. '"'
  elseif wanted ~= '' then
    if wanted == match(meta, ',([^,]+,[^,]+,[^,]+)') then return head .. ',"meta":' .. meta .. ',"held":true}' end
  end
  if #ARGV == 1 + LOAD_COUNT then return show(head, meta, lines) end
end

local now = clock + 0

-- @include fields.lua
-- @include interpreter.lua
-- @include chain.lua
-- @include values.lua
-- @include create.lua
-- @include update.lua
