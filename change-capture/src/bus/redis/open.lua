-- Sets one collection's head to what a new leader knows.
--
-- KEYS  head, stream
-- ARGV  fence, epoch, published, assigned, now (ms)
-- Returns {'ok'}, {'fenced', fence} or {'ahead'}: there are events here that the leader cannot have published.
local head = redis.call('HMGET', KEYS[1], 'fence', 'epoch', 'sequence')
if head[1] and tonumber(head[1]) > tonumber(ARGV[1]) then
  return {'fenced', head[1]}
end
if head[2] then
  local theirs, ours = tonumber(head[2]), tonumber(ARGV[2])
  if theirs > ours then
    return {'ahead'}
  end
  if theirs == ours then
    local sequence = tonumber(head[3])
    if sequence > tonumber(ARGV[4]) then
      return {'ahead'}
    end
    if sequence >= tonumber(ARGV[3]) then
      redis.call('HSET', KEYS[1], 'fence', ARGV[1])
      return {'ok'}
    end
  end
end
-- Missing, of an older epoch, or short of its tail: a stream with a hole could only mislead.
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'epoch', ARGV[2], 'sequence', ARGV[3], 'bytes', 0, 'trimmed', ARGV[5])
return {'ok'}
