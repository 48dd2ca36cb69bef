-- Declares the bus open, after every head is set.
--
-- KEYS  bus
-- ARGV  fence, epoch, channel
local fence = redis.call('HGET', KEYS[1], 'fence')
if fence and tonumber(fence) > tonumber(ARGV[1]) then
  return {'fenced', fence}
end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'epoch', ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[2])
return {'ok'}
