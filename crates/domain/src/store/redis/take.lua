-- Takes one from an allowance. KEYS: the allowance. ARGV: how long one takes to come back, and how long all do, in
-- microseconds. What is kept is when it is whole again, in microseconds of Unix time, and until then. Answers 0 if there
-- was one, or else the microseconds until there is.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local each, all = tonumber(ARGV[1]), tonumber(ARGV[2])
local whole_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
-- More than all can only be missing if the rate or the clock was changed.
whole_at = math.min(whole_at, now + all)
local after = whole_at + each
if after > now + all then
  return after - now - all
end
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
return 0
