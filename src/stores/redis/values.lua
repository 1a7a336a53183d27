-- load, where a chain names places: the values there in a list, and not the data. null for a list or an object, which no
-- index has, and where nothing is.
if action == 'load' then
  local fields = fieldsOf(lines, match(meta, '%d+'))
  local found = interpreter(fields, now).found
  local values = {}
  for at = 2 + LOAD_COUNT, #ARGV, 5 do
    touch(fields, ARGV[at + 1])
    local text = found(ARGV[at + 1], ARGV[at + 2])
    local nested = text and (find(text, '^%[') or find(text, '^{') and sub(text, 1, 9) ~= '{"$date":')
    values[#values + 1] = not nested and text or 'null'
  end
  return head .. ',"meta":' .. meta .. ',"values":[' .. table.concat(values, ',') .. ']}'
end
