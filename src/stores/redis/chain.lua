-- A chain applied to the fields in `after`. Each condition and each command is five words: its kind, the top-level key,
-- the path below it as a list ('' for none), and two that depend on the kind, mostly a value and ''. Keys, paths and
-- values are JSON text: see compile.ts.

-- The interpreter's functions, made by the first call of interpret().
local run, walk, textOf, equal, split
local function interpret()
  if not run then run, walk, textOf, equal, split = interpreter() end
end

-- The text of what stands at a place, nil where there is nothing.
local function found(name, path)
  local whole = after[name] or nil
  if path == '' and type(whole) ~= 'table' then return whole end
  interpret()
  return textOf((walk(name, path == '' and {} or split(path))))
end

-- Whether a place holds this value; '' asks for nothing being there.
local function holds(is, value)
  if not is or value == '' then return not is and value == '' end
  if is == value then return true end
  interpret()
  return equal(is, value)
end

-- Applies the chain that begins at ARGV[first]. Answers how many commands it has and what its `take` has found ('' for
-- nothing); or nil and the reply that says why the chain is refused.
local function apply(first)
  local conditions, commands, taken = 0, 0, ''
  for at = first, #ARGV, 5 do
    local kind, name, path, value = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
    if kind == 'if' then
      if not holds(found(name, path), value) then
        return nil, '{"outcome":"refused","kind":"condition","index":' .. conditions .. '}'
      end
      conditions = conditions + 1
    else
      if kind == 'take' then taken = found(name, path) or '' end
      local number = path == '' and kind == 'inc' and tonumber(after[name] or '0')
      local sum = number and number + value
      if path == '' and kind == 'set' then
        after[name] = value
      elseif path == '' and (kind == 'unset' or kind == 'take') then
        after[name] = false
      elseif sum and sum > -math.huge and sum < math.huge then
        -- The commands of most chains need no interpreter. Adding 0 makes 0 of -0.
        after[name] = print(sum + 0)
      else
        interpret()
        local ok, problem = pcall(run, kind, name, path == '' and {} or split(path), value, ARGV[at + 4])
        if not ok then
          if type(problem) ~= 'table' or not problem.found then error(problem) end
          return nil, '{"outcome":"refused","kind":"type","index":' .. commands .. ',"found":"' .. problem.found .. '"}'
        end
      end
      commands = commands + 1
    end
  end
  for name, value in pairs(after) do
    if type(value) == 'table' then after[name] = textOf(value) end
  end
  return commands, taken
end
