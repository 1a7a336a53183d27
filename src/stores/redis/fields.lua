-- @from ./layout.ts MAX_LINE, MAX_TOGETHER
--
-- What is stored of one session, as this call reads and changes it.

-- What is kept of a session besides its data and its operations: a JSON list in the hash field $m. Each item is JSON text
-- without a comma. To add one, add a line here, give it a value in create.lua, and read it in stored.ts.
-- @names meta
local
  apart,         -- how many fields of the data are stored apart
  version,       -- counts the changes of the data, from 1
  size,          -- bytes of the data
  remembered,    -- how many operations are remembered
  expires,       -- when the session ends
  created,       -- when its lifetime began
  maxAge,        -- its own idle time, or null
  horizon,       -- until when the index has its values, or null where nothing limits it
  hash,          -- SHA-256 of its secret, in quotes
  rotated,       -- when the secret was last renewed
  epoch,         -- part of every CSRF token, in quotes; empty until the first explicit rotation
  previous,      -- the hash of the secret before the last rotation, in quotes, or null
  previousUntil, -- when the grace of that secret ends, or null
  previousKind,  -- how it was replaced, in quotes, or null: see PreviousSecret in record.ts
  authAt         -- when the visitor last logged in, or null

-- The lines with the small fields of the data.
local together

-- The device that the session is bound to, as JSON text in the hash field $b; false for most sessions, which have none.
local device

-- The names of the fields that the chain touches, and for each the value before and after, false where there is none;
-- and whether it is stored apart.
local names, before, after, isApart = {}, {}, {}, {}

-- Reads the fields that the chain touches, which begins at ARGV[first], and what is kept beside them. Answers $m and $o.
local function fetch(first)
  -- Each once: many paths may lead into one large field.
  local known = {}
  local function touch(name)
    if not known[name] then names[#names + 1] = name end
    known[name] = true
  end
  for at = first, #ARGV, 5 do
    touch(ARGV[at + 1])
    if ARGV[at] == 'rename' then touch(ARGV[at + 3]) end
  end
  local values = redis.call('HMGET', key, '$m', '$o', '$d', '$b', unpack(names))
  together, device = values[3], values[4]
  for i, name in ipairs(names) do
    local value = values[i + 4]
    if value then
      isApart[name] = true
    elseif together then
      local _, colon = find(together, '\n' .. name .. ':', 1, true)
      if colon then value = sub(together, colon + 1, find(together, '\n', colon, true) - 2) end
    end
    before[name], after[name] = value, value
  end
  return values[1], values[2]
end

-- Writes the results into the lines, and collects what has to be set and removed in the hash: `set` takes names and
-- values in turn, `gone` names.
local function settle(set, gone)
  for _, name in ipairs(names) do
    local old, new = before[name], after[name]
    if new ~= old then
      if old then size = size - #name - #old - 3 end
      if new then size = size + #name + #new + 3 end
      local line, colon = find(together, '\n' .. name .. ':', 1, true)
      local ending = line and find(together, '\n', colon, true)
      local fits = new and #new <= MAX_LINE and (line or #together + #name + #new <= MAX_TOGETHER)
      if fits and line then
        together = sub(together, 1, colon) .. new .. sub(together, ending - 1)
      elseif fits then
        together = together .. name .. ':' .. new .. ',\n'
      elseif line then
        together = sub(together, 1, line) .. sub(together, ending + 1)
      end
      if new and not fits then
        set[#set + 1] = name
        set[#set + 1] = new
        if not isApart[name] then apart = apart + 1 end
      elseif isApart[name] then
        gone[#gone + 1] = name
        apart = apart - 1
      end
    end
  end
end
