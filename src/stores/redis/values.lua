-- load, where a chain names places: the values there in a list, and not the data. null for a list or an object, which no
-- index has, and where nothing is.
if action == 'load' then
  local first = 2 + LOAD_COUNT
  local meta = fetch(first)
  local values = {}
  for at = first, #ARGV, 5 do
    local text = found(ARGV[at + 1], ARGV[at + 2])
    local nested = text and (byte(text) == 91 or byte(text) == 123 and sub(text, 1, 9) ~= '{"$date":')
    values[#values + 1] = not nested and text or 'null'
  end
  return head .. ',"meta":' .. meta .. ',"values":[' .. concat(values, ',') .. ']}'
end
