-- @from ./layout.ts MAX_LINE, MAX_TOGETHER
--
-- The fields of a session's data, as this call reads and changes them.

-- 17 digits keep every double. Lua's own tostring keeps 14. Whole numbers are quicker to print.
local function print(n)
  return string.format(n % 1 == 0 and n < 1e15 and n > -1e15 and '%d' or '%.17g', n)
end

-- The fields of a session: the lines with the small ones, how many are apart, and by how many bytes all have grown. Those
-- that are touched stand there too: their names in turn, and by each name its value, false where there is none. A name is in
-- quotes, so it is none of these words.
local function fieldsOf(lines, apart)
  return { lines = lines, apart = apart, growth = 0 }
end

-- Where the value ends that begins behind this colon. A comma and a line break follow, but for the last.
local function endOf(lines, colon)
  return (string.find(lines, '\n', colon, true) or #lines + 2) - 2
end

-- Reads a field, once. `large` has the values before of those that are stored apart.
local function touch(fields, name)
  if fields[name] ~= nil then return end
  local lines, value = fields.lines, false
  local _, colon = string.find(lines, '\n' .. name .. ':', 1, true)
  if colon then
    value = string.sub(lines, colon + 1, endOf(lines, colon))
  elseif fields.apart ~= '0' then
    value = redis.call('HMGET', KEYS[1], name)[1]
    fields.large = fields.large or {}
    fields.large[name] = value
  end
  fields[#fields + 1] = name
  fields[name] = value
end

-- Writes what was touched into the lines, and collects in `set` what has to be set in the hash, names and values in turn.
-- Answers the names that have to be removed, nil if there are none.
local function settle(fields, set)
  local find, sub = string.find, string.sub
  local lines, growth, more, gone = fields.lines, fields.growth, 0, nil
  for i = 1, #fields do
    local name = fields[i]
    local new, large = fields[name], fields.large and fields.large[name]
    local line, colon = find(lines, '\n' .. name .. ':', 1, true)
    local ending = line and endOf(lines, colon)
    local old = line and sub(lines, colon + 1, ending) or large or false
    if new ~= old then
      if old then growth = growth - #name - #old - 3 end
      if new then growth = growth + #name + #new + 3 end
      local fits = new and #new <= MAX_LINE and (line or #lines + #name + #new <= MAX_TOGETHER)
      if fits and line then
        lines = sub(lines, 1, colon) .. new .. sub(lines, ending + 1)
      elseif fits then
        lines = lines .. (lines == '' and '\n' or ',\n') .. name .. ':' .. new
      elseif line then
        -- With the comma behind it, and that of the last with the one before it.
        local rest = sub(lines, ending + 2)
        lines = sub(lines, 1, math.max(line - (rest == '' and 2 or 1), 0)) .. rest
      end
      if new and not fits then
        set[#set + 1] = name
        set[#set + 1] = new
        if not large then more = more + 1 end
      elseif large then
        gone = gone or {}
        gone[#gone + 1] = name
        more = more - 1
      end
    end
  end
  fields.lines, fields.growth = lines, growth
  if more ~= 0 then fields.apart = print(fields.apart + more) end
  return gone
end
