-- Declares the bus open, after every head is set.
--
-- KEYS  bus
-- ARGV  fence, epoch, channel, mark
-- Returns {'ok'}, {'fenced', fence} or {'lost'}: the mark that was left before the first head is gone, so that heads which were
-- set after it may be gone too. An open bus without them would look as if its collections had vanished.
local known = redis.call('HMGET', KEYS[1], 'fence', 'opening')
if known[1] and tonumber(known[1]) > tonumber(ARGV[1]) then
  return {'fenced', known[1]}
end
if known[2] ~= ARGV[4] then
  return {'lost'}
end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'epoch', ARGV[2])
redis.call('HDEL', KEYS[1], 'opening')
redis.call('PUBLISH', ARGV[3], ARGV[2])
return {'ok'}
