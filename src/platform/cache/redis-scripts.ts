/**
 * What Redis does in one step. A value is a hash: v(ersion), d(ata), or l(ease) while the first reader that missed it
 * looks it up. Every key an operation touches is among its KEYS.
 */
export const SCRIPTS = {
  /** ARGV: lease, its milliseconds. Answers version and data, or 1 where the lease was given, or nothing. */
  olmsGet: {
    numberOfKeys: 1,
    lua: `
      local found = redis.call('HMGET', KEYS[1], 'v', 'd', 'l')
      if found[1] then return {found[1], found[2]} end
      if found[3] then return {} end
      redis.call('HSET', KEYS[1], 'l', ARGV[1])
      redis.call('PEXPIRE', KEYS[1], ARGV[2])
      return {1}`,
  },
  /** ARGV: version, data, milliseconds, lease or nothing. */
  olmsPut: {
    numberOfKeys: 1,
    lua: `
      local found = redis.call('HMGET', KEYS[1], 'v', 'l')
      if ARGV[4] ~= '' and found[2] ~= ARGV[4] then return 0 end
      if found[1] and tonumber(found[1]) > tonumber(ARGV[1]) then return 0 end
      redis.call('HSET', KEYS[1], 'v', ARGV[1], 'd', ARGV[2])
      redis.call('HDEL', KEYS[1], 'l')
      redis.call('PEXPIRE', KEYS[1], ARGV[3])
      return 1`,
  },
  /** ARGV: size, tokens a second, cost. By the clock of Redis: those of the callers differ. A full bucket is forgotten. */
  olmsTake: {
    numberOfKeys: 1,
    lua: `
      local size, rate, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
      local time = redis.call('TIME')
      local now = time[1] * 1000 + math.floor(time[2] / 1000)
      local found = redis.call('HMGET', KEYS[1], 't', 'a')
      local tokens, at = tonumber(found[1] or size), tonumber(found[2] or now)
      tokens = math.min(size, tokens + math.max(0, now - at) * rate / 1000)
      local allowed = tokens >= math.min(cost, size)
      if allowed then tokens = tokens - cost end
      local text = string.format('%.3f', tokens)
      redis.call('HSET', KEYS[1], 't', text, 'a', string.format('%.0f', now))
      redis.call('PEXPIRE', KEYS[1], math.ceil((size - tokens) / rate * 1000) + 1000)
      return {allowed and 1 or 0, text}`,
  },
  /** ARGV: owner, milliseconds. */
  olmsHold: {
    numberOfKeys: 1,
    lua: `
      local owner = redis.call('GET', KEYS[1])
      if owner and owner ~= ARGV[1] then return 0 end
      redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
      return 1`,
  },
  /** ARGV: owner. */
  olmsLetGo: {
    numberOfKeys: 1,
    lua: `
      if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
      return 0`,
  },
  /** KEYS: stream, holder. ARGV: owner, about how many entries to keep, texts. */
  olmsAppend: {
    numberOfKeys: 2,
    lua: `
      if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
      for i = 3, #ARGV do redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'e', ARGV[i]) end
      return 1`,
  },
  /** ARGV: place, how many. Answers 0 where the entry of the place is gone, and with it maybe others behind it. */
  olmsAfter: {
    numberOfKeys: 1,
    lua: `
      if redis.call('EXISTS', KEYS[1]) == 0 then
        if ARGV[1] == '0-0' then return {} end
        return 0
      end
      if ARGV[1] == '0-0' then
        local info, added = redis.call('XINFO', 'STREAM', KEYS[1]), nil
        for i = 1, #info, 2 do if info[i] == 'entries-added' then added = info[i + 1] end end
        if added ~= redis.call('XLEN', KEYS[1]) then return 0 end
      elseif #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1]) == 0 then
        return 0
      end
      return redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])`,
  },
} as const;

type Arguments = readonly (string | number)[];

/** The scripts as methods of the client. */
export type Scripted = { readonly [Name in keyof typeof SCRIPTS]: (...args: Arguments) => Promise<unknown> };
