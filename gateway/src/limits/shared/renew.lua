-- Renews the lease of a node, and forgets nodes whose lease has ended.
--
-- KEYS  nodes (sorted set: node -> end of its lease, milliseconds of this server)
-- ARGV  node, length of the lease in ms
-- Answer: 1 if the lease had not ended; 0 if others may have dropped what this node counted.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[2]) * 10)
if lease and tonumber(lease) > now then
  return 1
end
return 0
