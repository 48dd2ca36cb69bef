-- Appends events to one collection's stream and publishes them, as one step.
--
-- KEYS  head, stream
-- ARGV  fence, epoch, channel, publish command, now (ms), most events, most bytes, oldest (ms ago), then sequence, payload, ...
-- Returns {'ok'}, {'fenced', fence} or {'lost'}: the head is not what must come before these events.
local head = redis.call('HMGET', KEYS[1], 'fence', 'epoch', 'sequence', 'bytes', 'trimmed')
if head[1] and tonumber(head[1]) > tonumber(ARGV[1]) then
  return {'fenced', head[1]}
end
local sequence, bytes, trimmed = 0, 0, tonumber(ARGV[5])
if head[2] then
  if head[2] ~= ARGV[2] then
    return {'lost'}
  end
  sequence, bytes, trimmed = tonumber(head[3]), tonumber(head[4]), tonumber(head[5])
end
-- The whole run is checked first: an error in the middle of a script does not undo what it has done.
local first = 9
while ARGV[first] and tonumber(ARGV[first]) <= sequence do
  first = first + 2
end
if not ARGV[first] then
  return {'ok'}
end
if tonumber(ARGV[first]) ~= sequence + 1 then
  return {'lost'}
end
if not head[2] or redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('DEL', KEYS[2])
  bytes = 0
end
local last
for i = first, #ARGV, 2 do
  last = ARGV[i]
  redis.call('XADD', KEYS[2], last .. '-0', 't', ARGV[5], 'e', ARGV[i + 1])
  bytes = bytes + #ARGV[i + 1]
end
-- Trimming reads entries, so it is done in strides: past a bound by a twentieth, or every few seconds for age.
local most, most_bytes, now = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[5])
local count = redis.call('XLEN', KEYS[2])
if count > most * 1.05 or bytes > most_bytes * 1.05 or now - trimmed > 5000 then
  trimmed = now
  local full = true
  while full and count > 0 do
    local entries = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 16)
    local keep
    for _, entry in ipairs(entries) do
      if count > most or bytes > most_bytes or now - tonumber(entry[2][2]) > tonumber(ARGV[8]) then
        count = count - 1
        bytes = bytes - #entry[2][4]
      else
        keep = entry[1]
        break
      end
    end
    if keep then
      redis.call('XTRIM', KEYS[2], 'MINID', '=', keep)
      full = false
    elseif count > 0 then
      redis.call('XTRIM', KEYS[2], 'MAXLEN', '=', string.format('%d', count))
    else
      redis.call('DEL', KEYS[2])
    end
  end
end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'epoch', ARGV[2], 'sequence', last,
  'bytes', string.format('%d', bytes), 'trimmed', string.format('%d', trimmed))
-- Nobody needs events that are older than the window, nor a stream that holds only such.
redis.call('PEXPIRE', KEYS[2], ARGV[8])
for i = first, #ARGV, 2 do
  redis.call(ARGV[4], ARGV[3], ARGV[i + 1])
end
return {'ok'}
