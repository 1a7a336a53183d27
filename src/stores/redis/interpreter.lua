-- @from ../../algebra/index.ts MAX_PADDING
--
-- The oracle in Lua, for whatever lies below a top-level field. It works on JSON text, and opens only what a path leads
-- into: once, so the work is linear in the session and the chain, however many paths lead into one object.
--
-- `interpreter` is one function that makes all the others, because making them takes as long as a simple change: the
-- script calls it only for a chain that needs it. It reads `after`, the values of the fields that the chain touches, and
-- writes the results there. A path comes as a list of keys in JSON text, '' for none. What comes out:
--
--   run(kind, name, path, value, extra)  applies one command to after[name]; answers what it has found where the oracle
--                                        refuses it
--   found(name, path)                    the text of what stands at a place, nil where there is nothing
--   equal(a, b)                          whether two JSON texts are the same value
--   textOf(value)                        the JSON text of after[name], also where it has been opened
local function interpreter(after, now)
  local byte, sub, find, match, concat = string.byte, string.sub, string.find, string.match, table.concat

  ---- JSON text, as JSON.stringify writes it: no white space, and one way to write each string ----

  local function skip(s, i)
    local c = byte(s, i)
    if c == 34 then
      while true do
        i = find(s, '["\\]', i + 1)
        if byte(s, i) == 34 then return i + 1 end
        i = i + 1
      end
    elseif c == 123 or c == 91 then
      local depth = 0
      repeat
        i = find(s, '[%[%]{}"]', i)
        c = byte(s, i)
        if c == 34 then
          i = skip(s, i)
        else
          depth = depth + ((c == 123 or c == 91) and 1 or -1)
          i = i + 1
        end
      until depth == 0
      return i
    end
    return find(s, '[,%]}]', i) or #s + 1
  end

  local function kindOf(s)
    if type(s) == 'table' then return s.names and 'object' or 'list' end
    local c = byte(s)
    if c == 34 then return 'string' end
    if c == 123 then return sub(s, 1, 9) == '{"$date":' and 'date' or 'object' end
    if c == 91 then return 'list' end
    if c == 116 or c == 102 then return 'boolean' end
    if c == 110 then return 'null' end
    return 'number'
  end

  -- The values of a list or an object, and of an object their names too.
  local function split(s)
    local values, names, i, object = {}, {}, 2, byte(s) == 123
    while i < #s do
      local j = i
      if object then
        j = skip(s, i)
        names[#names + 1] = sub(s, i, j - 1)
        i = j + 1
      end
      j = skip(s, i)
      values[#values + 1] = sub(s, i, j - 1)
      i = j + 1
    end
    return values, names
  end

  local function list(values) return '[' .. concat(values, ',') .. ']' end

  -- A list or an object whose parts can be changed by themselves. `at` says where a name stands; false stands for a part that
  -- was removed. What is opened is in one place only, and its text may be out of date.
  local function open(node)
    if type(node) == 'table' then return node end
    local values, names = split(node)
    if byte(node) == 91 then return { values = values } end
    local at = {}
    for i = 1, #names do at[names[i]] = i end
    return { values = values, names = names, at = at }
  end
  local function textOf(node)
    if type(node) ~= 'table' then return node end
    local parts, names = {}, node.names
    for i, value in ipairs(node.values) do
      if value then parts[#parts + 1] = names and names[i] .. ':' .. textOf(value) or textOf(value) end
    end
    return names and '{' .. concat(parts, ',') .. '}' or list(parts)
  end

  -- Equal values have equal canonical texts: keys sorted, each number written the same way.
  local function canonical(s)
    local kind = kindOf(s)
    if kind == 'number' then return print(tonumber(s)) end
    if kind ~= 'list' and kind ~= 'object' then return s end
    local values, names = split(s)
    for i = 1, #values do values[i] = canonical(values[i]) end
    if kind == 'list' then return list(values) end
    for i = 1, #values do values[i] = names[i] .. ':' .. values[i] end
    table.sort(values)
    return '{' .. concat(values, ',') .. '}'
  end
  local function equal(a, b)
    return a == b or (kindOf(a) == kindOf(b) and canonical(a) == canonical(b))
  end

  ---- Paths ----

  local function wrong(found) error({ found = found }) end

  local function indexOf(name)
    local digits = match(name, '^"(%d+)"$')
    if digits and #digits <= 9 and (digits == '0' or byte(digits) ~= 48) then return tonumber(digits) end
  end

  -- Where the part with this name stands in an opened value.
  local function positionOf(node, name)
    if node.names then return node.at[name] end
    local index = indexOf(name)
    return index and index + 1
  end

  -- Writes below a node and creates the parents that are missing.
  local made, changed
  local function place(node, path, at, kind, value, slice)
    local name = path[at]
    if not name then return made(kind, node, value, slice) end
    if not node then
      local below = place(nil, path, at + 1, kind, value, slice)
      -- What is moved may have been opened.
      if type(below) == 'table' then return { values = { below }, names = { name }, at = { [name] = 1 } } end
      return '{' .. name .. ':' .. below .. '}'
    end
    local shape = kindOf(node)
    if shape == 'object' then
      node = open(node)
      local i = node.at[name] or #node.names + 1
      local new = place(node.values[i] or nil, path, at + 1, kind, value, slice)
      node.names[i], node.values[i], node.at[name] = name, new, i
      return node
    end
    local index = shape == 'list' and indexOf(name)
    if not index then wrong(shape) end
    node = open(node)
    local values = node.values
    if index > #values + MAX_PADDING then wrong('a list that ends far before this index') end
    local new = place(values[index + 1], path, at + 1, kind, value, slice)
    while #values < index do values[#values + 1] = 'null' end
    values[index + 1] = new
    return node
  end

  -- Changes what stands below a node, or removes it where the change gives nothing; leads the path nowhere, nothing happens.
  local function edit(node, path, at, kind, value)
    local name = path[at]
    if not name then return changed(kind, node, value) end
    local shape = kindOf(node)
    if shape ~= 'object' and shape ~= 'list' then return node end
    node = open(node)
    local values, i = node.values, positionOf(node, name)
    if i and values[i] then
      values[i] = edit(values[i], path, at + 1, kind, value) or (shape == 'list' and 'null')
    end
    return node
  end

  local function walk(name, path)
    local values, i, crosses = after, name, false
    for at = 1, #path do
      local shape = values[i] and kindOf(values[i])
      if shape ~= 'object' and shape ~= 'list' then return nil, crosses end
      crosses = crosses or shape == 'list'
      local node = open(values[i])
      values[i] = node
      values, i = node.values, positionOf(node, path[at])
      if not i then return nil, crosses end
    end
    return values[i] or nil, crosses
  end

  ---- Commands ----

  local function finite(n)
    if n ~= n or n == math.huge or n == -math.huge then wrong('a result that is no finite number') end
    return print(n + 0)
  end
  local function numberAt(node)
    if node and kindOf(node) ~= 'number' then wrong(kindOf(node)) end
    return tonumber(node or '0')
  end
  local function listAt(node)
    if kindOf(node) ~= 'list' then wrong(kindOf(node)) end
    return (split(node))
  end
  -- The canonical texts of these values, as a set: to compare each with each would take the product of two inputs.
  local function setOf(values)
    local texts = {}
    for i = 1, #values do texts[canonical(values[i])] = true end
    return texts
  end
  -- Whether it is an object with all of these fields: their canonical texts by name, and how many.
  local function hasFields(node, fields, count)
    if kindOf(node) ~= 'object' then return false end
    local values, names = split(node)
    for i = 1, #names do
      local text = fields[names[i]]
      if text then
        if canonical(values[i]) ~= text then return false end
        count = count - 1
      end
    end
    return count == 0
  end

  -- What a command that creates what is missing makes of a value, nil where there is none.
  function made(kind, node, value, slice)
    if kind == 'set' then return value end
    if kind == 'currentDate' then return '{"$date":' .. print(now) .. '}' end
    node = node and textOf(node)
    if kind == 'inc' then return finite(numberAt(node) + tonumber(value)) end
    if kind == 'mul' then return finite(numberAt(node) * tonumber(value)) end
    if kind == 'min' or kind == 'max' then
      if not node then return value end
      local type = kindOf(value)
      if kindOf(node) ~= type then wrong(kindOf(node)) end
      local a = tonumber(type == 'date' and sub(value, 10, -2) or value)
      local b = tonumber(type == 'date' and sub(node, 10, -2) or node)
      if kind == 'min' then return a < b and value or node end
      return a > b and value or node
    end
    local values = node and listAt(node) or {}
    local known = kind == 'addToSet' and setOf(values)
    for _, one in ipairs(split(value)) do
      local text = known and canonical(one)
      if not text or not known[text] then
        values[#values + 1] = one
        if text then known[text] = true end
      end
    end
    if slice == '' then return list(values) end
    slice = tonumber(slice)
    local from, to, kept = 1, slice, {}
    if slice < 0 then from, to = math.max(1, #values + slice + 1), #values end
    for i = from, math.min(to, #values) do kept[#kept + 1] = values[i] end
    return list(kept)
  end

  -- What a command that changes only what is there makes of a value; nil removes it.
  function changed(kind, node, value)
    if kind == 'unset' or kind == 'take' then return nil end
    local values = listAt(textOf(node))
    if kind == 'pop' then
      if #values > 0 then table.remove(values, value == '1' and #values or 1) end
      return list(values)
    end
    local pulled, names = split(value)
    local fields = {}
    for i = 1, #names do fields[names[i]] = canonical(pulled[i]) end
    local set, kept = kind == 'pullAll' and setOf(pulled), {}
    for _, one in ipairs(values) do
      local out
      if set then out = set[canonical(one)] else out = hasFields(one, fields, #names) end
      if not out then kept[#kept + 1] = one end
    end
    return list(kept)
  end

  local function keysOf(path) return path == '' and {} or split(path) end

  local CREATING = { set = 1, currentDate = 1, inc = 1, mul = 1, min = 1, max = 1, push = 1, addToSet = 1 }
  local function command(kind, name, path, value, extra)
    if CREATING[kind] then
      after[name] = place(after[name] or nil, path, 1, kind, value, extra)
    elseif kind == 'rename' then
      local to = split(extra)
      local moved, crosses = walk(name, path)
      if not moved then return end
      local _, crossesToo = walk(value, to)
      if crosses or crossesToo then wrong('element') end
      command('unset', name, path)
      command('set', value, to, moved)
    elseif after[name] then
      after[name] = edit(after[name], path, 1, kind, value) or false
    end
  end

  local function run(kind, name, path, value, extra)
    local ok, problem = pcall(command, kind, name, keysOf(path), value, extra)
    if ok then return nil end
    if type(problem) ~= 'table' or not problem.found then error(problem) end
    return problem.found
  end

  local function found(name, path) return textOf((walk(name, keysOf(path)))) end

  return { run = run, found = found, equal = equal, textOf = textOf }
end
