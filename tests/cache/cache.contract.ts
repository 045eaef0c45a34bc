import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Cache, msUntil, STREAM_START, type StreamEntry } from '#platform/cache/cache.ts';
import { until } from '#tests/support/until.ts';

const TTL_MS = 60_000;

/** What every cache promises, whichever store is behind it. */
export function cacheContract(name: string, open: () => Cache): void {
  const key = (): string => `test:${randomUUID()}`;

  async function value(of: string): Promise<string | undefined> {
    return (await open().getVersioned(of)).value;
  }

  describe(`${name}: values`, () => {
    test('what was put is found, until it expires', async () => {
      const cache = open();
      const [kept, brief] = [key(), key()];
      expect(await cache.putVersioned(kept, 7, '{"a":"ä"}', TTL_MS)).toBe(true);
      expect(await cache.putVersioned(brief, 7, 'x', 40)).toBe(true);
      expect(await cache.getVersioned(kept)).toEqual({ version: 7, value: '{"a":"ä"}' });
      await until('the brief one to expire', async () => (await value(brief)) === undefined);
      expect(await value(kept)).toBe('{"a":"ä"}');
    });

    test('an older version never replaces a newer one, an equal one may', async () => {
      const cache = open();
      const k = key();
      expect(await cache.putVersioned(k, 10, 'ten', TTL_MS)).toBe(true);
      expect(await cache.putVersioned(k, 9, 'nine', TTL_MS)).toBe(false);
      expect(await cache.getVersioned(k)).toEqual({ version: 10, value: 'ten' });
      expect(await cache.putVersioned(k, 10, 'ten again', TTL_MS)).toBe(true);
      expect(await cache.putVersioned(k, 11, 'eleven', TTL_MS)).toBe(true);
      expect(await value(k)).toBe('eleven');
    });

    test('many versions put at once, in any order, leave the newest', async () => {
      const cache = open();
      const k = key();
      const versions = Array.from({ length: 200 }, (_, n) => n + 1).sort(() => Math.random() - 0.5);
      await Promise.all(versions.map((version) => cache.putVersioned(k, version, `v${version}`, TTL_MS)));
      expect(await cache.getVersioned(k)).toEqual({ version: 200, value: 'v200' });
    });

    test('one reader at a time may remember what it reads', async () => {
      const cache = open();
      const k = key();
      const [first, second] = [await cache.getVersioned(k), await cache.getVersioned(k)];
      expect(first).toEqual({ lease: expect.any(String) });
      expect(second).toEqual({ lease: undefined });
      const { lease } = first as { lease: string };
      expect(await cache.putVersioned(k, 1, 'stranger', TTL_MS, 'another lease')).toBe(false);
      expect(await cache.putVersioned(k, 1, 'one', TTL_MS, lease)).toBe(true);
      expect(await value(k)).toBe('one');
    });

    test('what was read before a change is not remembered after it', async () => {
      const cache = open();
      const k = key();
      const { lease } = (await cache.getVersioned(k)) as { lease: string };
      expect(await cache.forget([k])).toBe(true);
      expect(await cache.putVersioned(k, 1, 'read before', TTL_MS, lease)).toBe(false);
      expect(await value(k)).toBeUndefined();
    });

    test('what is forgotten is gone, and only that', async () => {
      const cache = open();
      const keys = Array.from({ length: 300 }, key);
      const kept = key();
      await Promise.all([...keys, kept].map((k) => cache.putVersioned(k, 1, 'x', TTL_MS)));
      expect(await cache.forget(keys)).toBe(true);
      expect(await value(keys[0]!)).toBeUndefined();
      expect(await value(keys.at(-1)!)).toBeUndefined();
      expect(await value(kept)).toBe('x');
    });
  });

  describe(`${name}: counting`, () => {
    test('as many as a bucket holds pass at once, and then none until it is time', async () => {
      const cache = open();
      const k = key();
      const bucket = { size: 10, perSecond: 1 / 60 };
      const taken = await Promise.all(Array.from({ length: 30 }, () => cache.take(k, bucket, 1)));
      expect(taken.filter((one) => one?.allowed).length).toBe(10);
      expect(taken[0]!.tokens).toBeCloseTo(9, 1);
      const refused = (await cache.take(k, bucket, 1))!;
      expect(refused.allowed).toBe(false);
      expect(msUntil(1, refused.tokens, bucket)).toBeGreaterThan(50_000);
      expect(msUntil(1, refused.tokens, bucket)).toBeLessThanOrEqual(60_000);
      expect((await cache.take(key(), bucket, 1))!.allowed).toBe(true);
    });

    test('who waits as long as the answer says may pass', async () => {
      const cache = open();
      const k = key();
      const bucket = { size: 5, perSecond: 20 };
      for (let round = 0; round < 4; round++) {
        let answer = await cache.take(k, bucket, 1);
        for (let i = 0; i < 50 && answer!.allowed; i++) answer = await cache.take(k, bucket, 1);
        expect(answer!.allowed).toBe(false);
        await sleep(msUntil(1, answer!.tokens, bucket) + 2);
        expect((await cache.take(k, bucket, 1))!.allowed).toBe(true);
      }
    });

    test('what costs more than there is waits for a full bucket, and leaves it owing', async () => {
      const cache = open();
      const [k, bucket] = [key(), { size: 10, perSecond: 0.01 }];
      expect((await cache.take(k, bucket, 4))!.tokens).toBeCloseTo(6, 1);
      expect(await cache.take(k, bucket, 7)).toMatchObject({ allowed: false, tokens: expect.closeTo(6, 1) });
      const large = key();
      expect(await cache.take(large, bucket, 25)).toMatchObject({ allowed: true, tokens: expect.closeTo(-15, 1) });
      expect((await cache.take(large, bucket, 1))!.allowed).toBe(false);
    });

    test('in the long run no more passes than is added', async () => {
      const cache = open();
      const [k, bucket] = [key(), { size: 20, perSecond: 50 }];
      let passed = 0;
      const startMs = performance.now();
      while (performance.now() - startMs < 1_500) {
        if ((await cache.take(k, bucket, 1))!.allowed) passed++;
        else await sleep(1);
      }
      const tookS = (performance.now() - startMs) / 1000;
      expect(passed).toBeLessThanOrEqual(20 + 50 * tookS + 2);
      expect(passed).toBeGreaterThan(20);
    });
  });

  describe(`${name}: holding`, () => {
    test('one holds a name, until it lets go or is silent for too long', async () => {
      const cache = open();
      const k = key();
      expect(await cache.hold(k, 'a', TTL_MS)).toBe(true);
      expect(await cache.hold(k, 'b', TTL_MS)).toBe(false);
      expect(await cache.hold(k, 'a', TTL_MS)).toBe(true);
      await cache.letGo(k, 'b');
      expect(await cache.hold(k, 'b', TTL_MS)).toBe(false);
      await cache.letGo(k, 'a');
      expect(await cache.hold(k, 'b', 40)).toBe(true);
      await until('the silent holder to lose it', () => cache.hold(k, 'a', TTL_MS));
    });
  });

  describe(`${name}: streams`, () => {
    test('entries reach every follower in order, once', async () => {
      const cache = open();
      const [stream, holder] = [key(), { key: key(), owner: 'a' }];
      await cache.hold(holder.key, 'a', TTL_MS);
      const [one, two]: StreamEntry[][] = [[], []];
      const lost = (): void => expect.unreachable('the follower is lost');
      const stops = [one!, two!].map((seen) =>
        cache.follow(stream, STREAM_START, (entries) => seen.push(...entries), lost),
      );
      for (let n = 0; n < 50; n++) {
        expect(await cache.append(stream, [`${2 * n}`, `${2 * n + 1}`], 1_000, holder)).toBe(true);
      }
      const all = Array.from({ length: 100 }, (_, n) => String(n));
      await until('both followers', () => one!.length >= 100 && two!.length >= 100);
      expect(one!.map((entry) => entry.text)).toEqual(all);
      expect(two!.map((entry) => entry.text)).toEqual(all);
      for (const stop of stops) stop();
      await cache.append(stream, ['later'], 1_000, holder);
      await sleep(30);
      expect(one!.length).toBe(100);
    });

    test('what came after a place can be read again', async () => {
      const cache = open();
      const [stream, holder] = [key(), { key: key(), owner: 'a' }];
      await cache.hold(holder.key, 'a', TTL_MS);
      expect(await cache.lastPlace(stream)).toEqual(STREAM_START);
      expect(await cache.entriesAfter(stream, STREAM_START, 10)).toEqual([]);
      await cache.append(stream, ['1', '2', '3', '4', '5'], 1_000, holder);
      const all = (await cache.entriesAfter(stream, STREAM_START, 10))!;
      expect(all.map((entry) => entry.text)).toEqual(['1', '2', '3', '4', '5']);
      expect((await cache.entriesAfter(stream, all[1]!, 2))!.map((entry) => entry.text)).toEqual(['3', '4']);
      expect(await cache.lastPlace(stream)).toMatchObject({ a: all[4]!.a, b: all[4]!.b });
      expect(await cache.entriesAfter(stream, all[4]!, 10)).toEqual([]);
    });

    test('a place whose followers were dropped says so', async () => {
      const cache = open();
      const [stream, holder] = [key(), { key: key(), owner: 'a' }];
      await cache.hold(holder.key, 'a', TTL_MS);
      await cache.append(stream, ['first'], 100, holder);
      const [first] = (await cache.entriesAfter(stream, STREAM_START, 1))!;
      for (let n = 0; n < 60; n++) {
        await cache.append(
          stream,
          Array.from({ length: 10 }, (_, i) => `${10 * n + i}`),
          100,
          holder,
        );
      }
      expect(await cache.entriesAfter(stream, first!, 10)).toBeUndefined();
      expect(await cache.entriesAfter(stream, STREAM_START, 10)).toBeUndefined();
      expect(await cache.entriesAfter(stream, { a: 99_999_999_999_999, b: 0 }, 10)).toBeUndefined();
    });

    test('only the holder adds: one that lost its name unknowingly is refused', async () => {
      const cache = open();
      const [stream, name] = [key(), key()];
      expect(await cache.append(stream, ['nobody'], 100, { key: name, owner: 'a' })).toBe(false);
      await cache.hold(name, 'a', 30);
      await until('b to take over', () => cache.hold(name, 'b', TTL_MS));
      expect(await cache.append(stream, ['late'], 100, { key: name, owner: 'a' })).toBe(false);
      expect(await cache.append(stream, ['right'], 100, { key: name, owner: 'b' })).toBe(true);
      expect((await cache.entriesAfter(stream, STREAM_START, 10))!.map((entry) => entry.text)).toEqual(['right']);
    });
  });
}
