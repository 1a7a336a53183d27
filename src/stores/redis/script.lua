-- Everything that happens to the key of a session: one script with four actions. How a session is stored: see layout.ts
-- and META in fields.lua.
--
-- In:  KEYS[1] is the key of the session, and ARGV[1] the action: load, create, update or destroy. Then come the action's
--      parameters, in the order of their names: see `@names` in each file. '' stands for an absent one. Then comes a
--      chain, first its conditions and then its commands, five words each: see chain.lua.
-- Out: JSON text, an object: see answers.ts for its keys. If some fields of the data are stored apart, the reply is a
--      list: that text, and then the name and the value of each of these fields in turn.
--
-- Lua has no rollback. So `update` computes everything first, and then it writes.
--
-- An error of the server names a line of the whole text, with what is included. `node tools/languages.mjs where
-- src/stores/redis/script.lua LINE` says which line of which file that is.
local key, action = KEYS[1], ARGV[1]
local byte, sub, find, match, format, concat = string.byte, string.sub, string.find, string.match, string.format, table.concat
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- 17 digits keep every double. Lua's own tostring keeps 14. Whole numbers are several times quicker to print.
local function print(n) return format('%.17g', n) end
local function whole(n) return format('%d', n) end

-- The time, as a reply and a record show it.
local clock = whole(now)

-- The last of the remembered operations, without its time; '' if there is none.
local function lastOf(ops) return ops and match(ops, '^.* ([^@]*)') or '' end

-- The reply with a session: of its operations the last, its device, if it has one, META, and its data. `head` begins the
-- object. The fields that are stored apart follow the text as they are, because joining large texts in Lua takes longer than
-- sending them one by one.
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

-- A word for the state of a session that the oracle judges. META has everything of it but the device: each change of the
-- data counts the version, and each rotation renews the hash.
local function stateOf(meta, device) return redis.sha1hex(meta .. (device or '')) end

-- load: what is stored. It may be followed by a chain of conditions that name places: then the answer has the values at
-- these places instead of the data, see values.lua.
local head
if action == 'load' then
  -- @names load
  local
    wanted -- '1' for what the oracle judges: the remembered operations too, and a word for this state of the session. Or what
           -- names the data that the caller holds: their version, the last operation, and when the session began
    = ARGV[2]
  local judged = wanted == '1'
  local found = redis.pcall('HMGET', key, '$m', '$d', '$b', '$o')
  -- A key of another program, of another type.
  if found.err then return match(found.err, '^WRONGTYPE') and '{"now":' .. clock .. ',"foreign":true}' or found end
  local meta, together, device, ops = unpack(found)
  if not (meta and together) then return '{"now":' .. clock .. (redis.call('EXISTS', key) == 1 and ',"foreign":true' or '') .. '}' end
  head = '{"now":' .. clock
  if judged then head = head .. ',"ops":' .. (ops or '""') .. ',"state":"' .. stateOf(meta, device) .. '"' end
  if wanted ~= '' and not judged then
    local META = match(meta, META_PATTERN)
    if wanted == version .. ' ' .. lastOf(ops) .. ' ' .. created then
      return outline(head, meta, ops, device) .. ',"held":true}'
    end
  end
  if #ARGV == 1 + LOAD_COUNT then return show(head, meta, not judged and ops, together, match(meta, '%d+'), device) end
end

-- @include fields.lua
-- @include interpreter.lua
-- @include chain.lua
-- @include values.lua
-- @include create.lua
-- @include update.lua
