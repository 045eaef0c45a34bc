import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * docs/rooms.svg: the rooms of `src` and who uses whom, drawn from the imports themselves, so that the picture cannot
 * grow old. A room that is used by way of another is not drawn a second time: the arrows are the transitive reduction.
 */

/** What a room is for; one without a line here is drawn with its name alone. */
const MEANINGS: Readonly<Record<string, string>> = {
  main: 'the program',
  cli: 'serve, operate',
  system: 'puts one process together',
  services: 'rules, store, routes',
  contracts: 'events, errors, money, peers',
  service: 'what a service says about itself',
  processor: 'decide purely, save once',
  http: 'what every route shares',
  kafka: 'the log on Kafka',
  log: 'outbox, offsets, parked orders',
  cache: 'in process or Redis',
  database: 'pool, statements, migrations',
  runtime: 'settings, clock, jobs',
  telemetry: 'logs, metrics',
  client: 'the API for programs',
};

export interface Rooms {
  /** room → the rooms that its files import from. */
  readonly uses: ReadonlyMap<string, ReadonlySet<string>>;
  /** Folders of `src` that are services. */
  readonly services: readonly string[];
}

/** The rooms of a checkout, from the imports of its program files. Throws where rooms use each other in a circle. */
export function roomsOf(root: string): Rooms {
  const files = (readdirSync(join(root, 'src'), { recursive: true }) as string[])
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .sort();
  const services = files
    .filter((file) => /^[^/]+\/service\.ts$/.test(file) && !file.startsWith('platform/'))
    .map((file) => file.split('/')[0]!);
  const known = new Set(services);
  const roomOf = (file: string): string => {
    const [top, inner] = file.split('/') as [string, string | undefined];
    if (inner === undefined) return top.replace('.ts', '');
    if (known.has(top)) return 'services';
    return top === 'platform' ? inner.replace('.ts', '') : top;
  };
  const uses = new Map<string, Set<string>>();
  for (const file of files) {
    const room = roomOf(file);
    const used = uses.get(room) ?? new Set<string>();
    uses.set(room, used);
    for (const [, path] of readFileSync(join(root, 'src', file), 'utf8').matchAll(
      /(?:from|import\()\s*'#([^']+\.ts)'/g,
    ))
      if (roomOf(path!) !== room) used.add(roomOf(path!));
  }
  const rooms: Rooms = { uses, services };
  levelsOf(rooms);
  return rooms;
}

/** How many rooms stand below each: 0 for one that uses no other. */
function levelsOf({ uses }: Rooms): Map<string, number> {
  const levels = new Map<string, number>();
  const level = (room: string, path: readonly string[]): number => {
    if (path.includes(room)) throw new Error(`The rooms ${[...path, room].join(' → ')} use each other in a circle.`);
    const before = levels.get(room);
    if (before !== undefined) return before;
    const below = [...(uses.get(room) ?? [])].map((used) => level(used, [...path, room]) + 1);
    const found = Math.max(0, ...below);
    levels.set(room, found);
    return found;
  };
  for (const room of uses.keys()) level(room, []);
  return levels;
}

/** Arrows without those that a longer way makes superfluous. */
function arrowsOf({ uses }: Rooms): [string, string][] {
  const reach = (room: string): Set<string> =>
    new Set([...(uses.get(room) ?? [])].flatMap((used) => [used, ...reach(used)]));
  return [...uses].flatMap(([room, used]) => {
    const indirect = new Set([...used].flatMap((other) => [...reach(other)]));
    return [...used].filter((other) => !indirect.has(other)).map((other): [string, string] => [room, other]);
  });
}

const BOX = { width: 216, height: 54, gapX: 34, gapY: 40 } as const;
/** The width that an arrow takes where it passes a row of boxes. */
const PASSAGE_WIDTH = 20;
const MARGIN = 30;

/** What stands in a row: a room, or an arrow on its way to a lower row. */
interface Slot {
  readonly room: string | undefined;
  /** Slots of the row above that lead here. */
  readonly above: Slot[];
  x: number;
  y: number;
}

/** Rooms by level, top row first, with a slot for every arrow that passes; each row in the order of what leads to it. */
function rowsOf(rooms: Rooms): { rows: Slot[][]; paths: Slot[][] } {
  const levels = levelsOf(rooms);
  const top = Math.max(...levels.values());
  const rows: Slot[][] = Array.from({ length: top + 1 }, () => []);
  const slots = new Map<string, Slot>();
  const add = (level: number, room: string | undefined): Slot => {
    const slot: Slot = { room, above: [], x: 0, y: 0 };
    rows[top - level]!.push(slot);
    if (room !== undefined) slots.set(room, slot);
    return slot;
  };
  for (const [room, level] of [...levels].sort(([a], [b]) => (a < b ? -1 : 1))) add(level, room);
  const paths = arrowsOf(rooms).map(([from, to]) => {
    const path = [slots.get(from)!];
    for (let level = levels.get(from)! - 1; level > levels.get(to)!; level--) path.push(add(level, undefined));
    path.push(slots.get(to)!);
    for (const [index, slot] of path.entries()) if (index > 0) slot.above.push(path[index - 1]!);
    return path;
  });
  return { rows, paths };
}

/** The picture as SVG: who is used stands below who uses it. */
export function roomsPicture(rooms: Rooms): string {
  const { rows, paths } = rowsOf(rooms);
  const widthOf = (slot: Slot): number => (slot.room === undefined ? PASSAGE_WIDTH : BOX.width);
  const rowWidth = (row: readonly Slot[]): number =>
    row.reduce((sum, slot) => sum + widthOf(slot), 0) + (row.length - 1) * BOX.gapX;
  const width = MARGIN * 2 + Math.max(...rows.map(rowWidth));
  const height = MARGIN * 2 + rows.length * BOX.height + (rows.length - 1) * BOX.gapY;
  for (const [index, row] of rows.entries()) {
    const middle = ({ above }: Slot): number => above.reduce((sum, { x }) => sum + x, 0) / Math.max(1, above.length);
    row.sort((a, b) => middle(a) - middle(b));
    let x = (width - rowWidth(row)) / 2;
    for (const slot of row) {
      slot.x = x + widthOf(slot) / 2;
      slot.y = MARGIN + index * (BOX.height + BOX.gapY);
      x += widthOf(slot) + BOX.gapX;
    }
  }
  const boxes = rows.flat().flatMap(({ room, x, y }) => {
    if (room === undefined) return [];
    const kind = ['services', 'contracts', 'system', 'cli', 'main', 'client'].includes(room) ? 'own' : 'platform';
    const title = room === 'services' ? `services: ${rooms.services.join(', ')}` : room;
    return `<g><title>${title}</title><rect class="${kind}" x="${x - BOX.width / 2}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="9"/><text class="n" x="${x}" y="${y + 23}" text-anchor="middle">${room}</text><text class="s" x="${x}" y="${y + 41}" text-anchor="middle">${MEANINGS[room] ?? ''}</text></g>`;
  });
  const arrows = paths.map((path) => {
    let line = `M${path[0]!.x} ${path[0]!.y + BOX.height}`;
    for (const [index, { x, y, room }] of path.entries()) {
      if (index === 0) continue;
      const before = path[index - 1]!;
      const [fromY, toY] = [before.y + BOX.height, room === undefined ? y : y - 2];
      const bend = (toY - fromY) / 2;
      line += `C${before.x} ${fromY + bend} ${x} ${toY - bend} ${x} ${toY}`;
      if (room === undefined) line += `V${y + BOX.height}`;
    }
    return `<path class="a" d="${line}"/>`;
  });
  const words = arrowsOf(rooms).map(([from, to]) => `${from} uses ${to}`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="t d" font-family="system-ui,-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif">
<title id="t">The rooms of src and who uses whom</title><desc id="d">${words.join('; ')}. Generated by bin/olms docs from the imports.</desc>
<style>.card{fill:#fbfcfe;stroke:#d5dbe5}.own{fill:#e8f1fd;stroke:#2f6fbd;stroke-width:1.4}.platform{fill:#fff;stroke:#b9c3d3;stroke-width:1.2}.n{font-size:15px;font-weight:600;fill:#1c2430}.s{font-size:11.5px;fill:#5b6675}.a{stroke:#5b6f8a;stroke-width:1.3;fill:none;marker-end:url(#h)}</style>
<defs><marker id="h" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#5b6f8a"/></marker></defs>
<rect class="card" x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="14"/>
${arrows.join('\n')}
${boxes.join('\n')}
</svg>
`;
}
