/* Made from telling.lua by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const TELLING_LUA = ({ SCRIPT, PUBLISH }: { SCRIPT: string; PUBLISH: string }): string => `






local function session()
${SCRIPT}
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
elseif before and before[${FIXED_AT}][${EPOCH_AT}] ~= after[${FIXED_AT}][${EPOCH_AT}] then
what = 'rotated'
elseif before and before[${VERSION_AT}] ~= after[${VERSION_AT}] then
what = string.format('%.0f', after[${VERSION_AT}])
end

if what then redis.pcall('${PUBLISH}', KEYS[1], string.format('%.0f', before[${CREATED_AT}]) .. ' ' .. what) end
return reply`
import { VERSION_AT, FIXED_AT, CREATED_AT, EPOCH_AT } from './stored.ts'
