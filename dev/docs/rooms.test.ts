import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { roomsOf, roomsPicture } from './rooms.ts';

describe('the picture of the rooms', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'olms-rooms-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function write(file: string, ...imports: string[]): void {
    mkdirSync(dirname(join(root, 'src', file)), { recursive: true });
    writeFileSync(
      join(root, 'src', file),
      imports.map((path) => `import '${path}';\nimport { x } from '${path}';\n`).join(''),
    );
  }

  test('shows services as one room, and no arrow that a longer way makes superfluous', () => {
    write('system/system.ts', '#orders/service.ts', '#platform/log/bus.ts', '#platform/database/database.ts');
    write('orders/service.ts', '#platform/log/bus.ts');
    write('orders/orders.test.ts', '#system/system.ts');
    write('billing/service.ts', '#platform/database/database.ts');
    write('platform/log/bus.ts', '#platform/database/database.ts');
    write('platform/database/database.ts');
    const rooms = roomsOf(root);
    expect(rooms.services).toEqual(['billing', 'orders']);
    expect([...rooms.uses.keys()].sort()).toEqual(['database', 'log', 'services', 'system']);
    const described = /<desc id="d">([^.]*)\./.exec(roomsPicture(rooms))?.[1];
    expect(described?.split('; ').sort()).toEqual(['log uses database', 'services uses log', 'system uses services']);
  });

  test('refuses rooms that use each other in a circle', () => {
    write('platform/log/bus.ts', '#platform/processor/batch.ts');
    write('platform/processor/batch.ts', '#platform/log/bus.ts');
    expect(() => roomsOf(root)).toThrow(/circle/);
  });
});
