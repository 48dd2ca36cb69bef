-- Adds to several counters that end by themselves.
--
-- KEYS  counters
-- ARGV  per counter: what to add (may be negative), its life in ms from its first use on
-- Answer: what each holds now.

local totals = {}
for i = 1, #KEYS do
  local add = tonumber(ARGV[i * 2 - 1])
  local new = redis.call('EXISTS', KEYS[i]) == 0
  if new and add < 0 then
    -- What is given back to a counter that has ended is forgotten with it.
    totals[i] = 0
  else
    totals[i] = redis.call('INCRBY', KEYS[i], add)
    if new then
      redis.call('PEXPIRE', KEYS[i], ARGV[i * 2])
    end
  end
end
return totals
