import { MAX_PADDING } from '../../algebra/index.ts'

/**
 * The oracle in Lua, for whatever lies below a top-level field: a function that makes the functions which read JSON
 * text and apply commands to it. They are made only for a chain that needs them, because that takes as long as a
 * simple change. `after` is the script's table of fields, `now` its time.
 *
 * Values stay JSON text, which is spliced: a Lua table cannot tell `[]` from `{}`. Paths are lists of keys' JSON texts.
 */
export const INTERPRETER = `
local function interpreter()
  ---- JSON text, as JSON.stringify writes it: no white space, and one way to write each string ----

  local function skip(s, i)
    local c = byte(s, i)
    if c == 34 then
      while true do
        i = find(s, '["\\\\]', i + 1)
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
  local function object(values, names)
    local parts = {}
    for i = 1, #names do parts[i] = names[i] .. ':' .. values[i] end
    return '{' .. concat(parts, ',') .. '}'
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

  local function child(node, name)
    local kind = kindOf(node)
    if kind ~= 'object' and kind ~= 'list' then return nil end
    local values, names = split(node)
    if kind == 'list' then
      local index = indexOf(name)
      return index and values[index + 1]
    end
    for i = 1, #names do
      if names[i] == name then return values[i] end
    end
  end

  -- Writes below a node and creates the parents that are missing.
  local made, changed
  local function place(node, path, at, kind, value, slice)
    local name = path[at]
    if not name then return made(kind, node, value, slice) end
    if not node then return '{' .. name .. ':' .. place(nil, path, at + 1, kind, value, slice) .. '}' end
    local shape = kindOf(node)
    if shape == 'object' then
      local values, names = split(node)
      for i = 1, #names do
        if names[i] == name then
          values[i] = place(values[i], path, at + 1, kind, value, slice)
          return object(values, names)
        end
      end
      names[#names + 1] = name
      values[#values + 1] = place(nil, path, at + 1, kind, value, slice)
      return object(values, names)
    end
    local index = shape == 'list' and indexOf(name)
    if not index then wrong(shape) end
    local values = split(node)
    if index > #values + ${MAX_PADDING} then wrong('a list that ends far before this index') end
    local new = place(values[index + 1], path, at + 1, kind, value, slice)
    while #values < index do values[#values + 1] = 'null' end
    values[index + 1] = new
    return list(values)
  end

  -- Changes what stands below a node, or removes it where the change gives nothing; leads the path nowhere, nothing happens.
  local function edit(node, path, at, kind, value)
    local name = path[at]
    if not name then return changed(kind, node, value) end
    local shape = kindOf(node)
    if shape == 'object' then
      local values, names = split(node)
      for i = 1, #names do
        if names[i] == name then
          local new = edit(values[i], path, at + 1, kind, value)
          if new then
            values[i] = new
          else
            table.remove(values, i)
            table.remove(names, i)
          end
          return object(values, names)
        end
      end
    elseif shape == 'list' then
      local index, values = indexOf(name), split(node)
      if index and index < #values then
        values[index + 1] = edit(values[index + 1], path, at + 1, kind, value) or 'null'
        return list(values)
      end
    end
    return node
  end

  local function valueAt(name, path)
    local node = after[name]
    for i = 1, #path do
      if not node then return nil end
      node = child(node, path[i])
    end
    return node or nil
  end
  local function crossesList(name, path)
    local node = after[name]
    for i = 1, #path do
      if not node then return false end
      local kind = kindOf(node)
      if kind == 'list' then return true end
      node = kind == 'object' and child(node, path[i])
    end
    return false
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
  local function among(values, value)
    for _, one in ipairs(values) do
      if equal(one, value) then return true end
    end
    return false
  end
  local function hasFields(node, values, names)
    if kindOf(node) ~= 'object' then return false end
    for i = 1, #names do
      local found = child(node, names[i])
      if not found or not equal(found, values[i]) then return false end
    end
    return true
  end

  -- What a command that creates what is missing makes of a value, nil where there is none.
  function made(kind, node, value, slice)
    if kind == 'set' then return value end
    if kind == 'currentDate' then return '{"$date":' .. print(now) .. '}' end
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
    for _, one in ipairs(split(value)) do
      if kind == 'push' or not among(values, one) then values[#values + 1] = one end
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
    local values = listAt(node)
    if kind == 'pop' then
      if #values > 0 then table.remove(values, value == '1' and #values or 1) end
      return list(values)
    end
    local pulled, names = split(value)
    local kept = {}
    for _, one in ipairs(values) do
      local out
      if kind == 'pullFields' then out = hasFields(one, pulled, names) else out = among(pulled, one) end
      if not out then kept[#kept + 1] = one end
    end
    return list(kept)
  end

  local CREATING = { set = 1, currentDate = 1, inc = 1, mul = 1, min = 1, max = 1, push = 1, addToSet = 1 }
  local function run(kind, name, path, value, extra)
    if CREATING[kind] then
      after[name] = place(after[name] or nil, path, 1, kind, value, extra)
    elseif kind == 'rename' then
      local to = split(extra)
      local moved = valueAt(name, path)
      if not moved then return end
      if crossesList(name, path) or crossesList(value, to) then wrong('element') end
      run('unset', name, path)
      run('set', value, to, moved)
    elseif after[name] then
      after[name] = edit(after[name], path, 1, kind, value) or false
    end
  end

  return run, valueAt, equal, split
end
`
