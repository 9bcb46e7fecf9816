-- What all keys of a space have, by its index, which forgets those that have ended. KEYS: the index. ARGV: what comes
-- before a name in a key. Answers name, value and milliseconds (-1 is without end) of each.
local found = {}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local key = ARGV[1] .. name
  local value = redis.call('GET', key)
  if value then
    found[#found + 1] = { name, value, redis.call('PTTL', key) }
  else
    redis.call('SREM', KEYS[1], name)
  end
end
return found
