-- A chain applied to the fields. Each condition and each command is five words: its kind, the top-level key, the path
-- below it as a list ('' for none), and two that depend on the kind, mostly a value and ''. Keys, paths and values are
-- JSON text: see compile.ts.
--
-- The sum of two numbers, nil where the first is none or the sum is not finite.
local function added(text, by)
  local number = tonumber(text)
  local sum = number and number + by
  -- Adding 0 makes 0 of -0.
  if sum and sum > -math.huge and sum < math.huge then return print(sum + 0) end
end

-- Most commands set a small field or add to it. This writes the result right into its line, and answers whether it could.
local function inLine(fields, kind, name, new)
  local find, sub = string.find, string.sub
  if kind ~= 'set' and kind ~= 'inc' or fields[name] ~= nil then return false end
  local lines = fields.lines
  local _, colon = find(lines, '\n' .. name .. ':', 1, true)
  if not colon then return false end
  local ending = endOf(lines, colon)
  if kind == 'inc' then new = added(sub(lines, colon + 1, ending), new) end
  if not new or #new > MAX_LINE then return false end
  fields.lines = sub(lines, 1, colon) .. new .. sub(lines, ending + 1)
  fields.growth = fields.growth + #new - (ending - colon)
  return true
end

-- Applies the chain that begins at ARGV[first]. Answers how many commands it has and what its `take` has found ('' for
-- nothing); or nil and the reply that says why the chain is refused.
local function apply(fields, first, now)
  local conditions, commands, taken = 0, 0, ''
  -- The interpreter is made where a condition or a command needs it.
  local deep
  for at = first, #ARGV, 5 do
    local kind, name, path, value = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
    if path == '' and inLine(fields, kind, name, value) then
      commands = commands + 1
    else
      touch(fields, name)
      if kind == 'rename' then touch(fields, value) end
      local is = fields[name]
      local whole = path == '' and type(is) ~= 'table'
      if not whole then
        deep = deep or interpreter(fields, now)
        if kind == 'if' or kind == 'take' then is = deep.found(name, path) end
      end
      if kind == 'if' then
        local holds = is == value
        if value == '' then
          holds = not is
        elseif is and not holds then
          deep = deep or interpreter(fields, now)
          holds = deep.equal(is, value)
        end
        if not holds then return nil, '{"outcome":"refused","kind":"condition","index":' .. conditions .. '}' end
        conditions = conditions + 1
      else
        if kind == 'take' then taken = is or '' end
        local sum = whole and kind == 'inc' and added(is or '0', value)
        if whole and kind == 'set' then
          fields[name] = value
        elseif whole and (kind == 'unset' or kind == 'take') then
          fields[name] = false
        elseif sum then
          fields[name] = sum
        else
          deep = deep or interpreter(fields, now)
          local problem = deep.run(kind, name, path, value, ARGV[at + 4])
          if problem then
            return nil, '{"outcome":"refused","kind":"type","index":' .. commands .. ',"found":"' .. problem .. '"}'
          end
        end
        commands = commands + 1
      end
    end
  end
  for i = 1, #fields do
    local name = fields[i]
    if type(fields[name]) == 'table' then fields[name] = deep.textOf(fields[name]) end
  end
  return commands, taken
end
