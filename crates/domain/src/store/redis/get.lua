-- What a key has: its value, and for how many milliseconds it is kept on (-1 is without end).
local value = redis.call('GET', KEYS[1])
if not value then
  return nil
end
return { value, redis.call('PTTL', KEYS[1]) }
