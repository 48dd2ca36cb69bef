-- One more (or less) of several counts, if none would exceed its limit over all living nodes.
--
-- KEYS  nodes (sorted set: node -> end of its lease, milliseconds of this server), then one hash per count (node -> "version:count")
-- ARGV  node, life of a hash in ms; then per count: version, count of this node, limit over all nodes (-1: none, only tell)
-- Answer: 0, or the place (from 1) of the first count that is full; then nothing was written.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local node, life = ARGV[1], ARGV[2]

for i = 2, #KEYS do
  local at = 3 + (i - 2) * 3
  local limit = tonumber(ARGV[at + 2])
  if limit >= 0 then
    local sum = tonumber(ARGV[at + 1])
    local held = redis.call('HGETALL', KEYS[i])
    for j = 1, #held, 2 do
      if held[j] ~= node then
        local lease = redis.call('ZSCORE', KEYS[1], held[j])
        if lease and tonumber(lease) > now then
          sum = sum + tonumber(string.match(held[j + 1], ':(%d+)$') or 0)
        else
          redis.call('HDEL', KEYS[i], held[j])
        end
      end
    end
    if sum > limit then
      return i - 1
    end
  end
end

for i = 2, #KEYS do
  local at = 3 + (i - 2) * 3
  local version, count = ARGV[at], tonumber(ARGV[at + 1])
  local before = redis.call('HGET', KEYS[i], node)
  if not before or tonumber(string.match(before, '^(%d+):') or 0) < tonumber(version) then
    if count > 0 then
      redis.call('HSET', KEYS[i], node, version .. ':' .. ARGV[at + 1])
      redis.call('PEXPIRE', KEYS[i], life)
    else
      redis.call('HDEL', KEYS[i], node)
    end
  end
end
return 0
