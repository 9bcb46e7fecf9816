-- Makes all changes or none. KEYS: the key of each change, and for each the index of its space.
-- ARGV, seven for each change:
--   whether a value is expected ("1") or none (""), and which
--   whether there is a new value ("1") or none (""), which, and for how many milliseconds ("" is without end)
--   whether the space has an index ("1") or none (""), and the name in it
local count = #KEYS / 2
for change = 0, count - 1 do
  local expected, value = ARGV[change * 7 + 1], ARGV[change * 7 + 2]
  local found = redis.call('GET', KEYS[change + 1])
  if expected == '' and found or expected == '1' and found ~= value then
    return 0
  end
end
-- The index first: were it something else than a set, nothing would have been written yet.
for change = 0, count - 1 do
  if ARGV[change * 7 + 6] == '1' then
    local put = ARGV[change * 7 + 3] == '1' and 'SADD' or 'SREM'
    redis.call(put, KEYS[count + change + 1], ARGV[change * 7 + 7])
  end
end
for change = 0, count - 1 do
  local key, value, milliseconds = KEYS[change + 1], ARGV[change * 7 + 4], ARGV[change * 7 + 5]
  if ARGV[change * 7 + 3] == '' or milliseconds == '0' then
    redis.call('DEL', key)
  elseif milliseconds == '' then
    redis.call('SET', key, value)
  else
    redis.call('SET', key, value, 'PX', milliseconds)
  end
end
return 1
