import { closeSync, existsSync, openSync, readdirSync, readSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

/** Where the length stands in a record batch, and what it does not count. */
const LENGTH_AT = 8;
const UNCOUNTED = 12;
const HEADER = 16;

/**
 * What a power cut does to a broker that was killed: the end of its log was never written to the disk. Cuts the last
 * part of every partition of a topic, in the middle of a batch; returns the partitions that lost something.
 */
export function loseTail(dataDir: string, topic: string, share = 0.4): number[] {
  const lost: number[] = [];
  for (const folder of readdirSync(dataDir)) {
    const partition = new RegExp(`^${topic}-(\\d+)$`).exec(folder)?.[1];
    if (partition === undefined) continue;
    const segments = readdirSync(join(dataDir, folder)).filter((name) => name.endsWith('.log'));
    const file = join(dataDir, folder, segments.sort().at(-1)!);
    const starts = batchesOf(file);
    // At least the last batch.
    const keep = Math.min(Math.ceil(starts.length * (1 - share)), starts.length - 1);
    const next = starts[keep];
    if (next === undefined) continue;
    truncateSync(file, next + HEADER);
    lost.push(Number(partition));
  }
  // A broker that goes down in order leaves this behind, and is believed to have everything.
  const clean = join(dataDir, '.kafka_cleanshutdown');
  if (existsSync(clean)) rmSync(clean);
  return lost;
}

/** Where the batches of a segment begin. */
function batchesOf(file: string): number[] {
  const { size } = statSync(file);
  const header = Buffer.alloc(HEADER);
  const descriptor = openSync(file, 'r');
  const starts: number[] = [];
  try {
    for (let at = 0; at + HEADER <= size; at += UNCOUNTED + header.readInt32BE(LENGTH_AT)) {
      readSync(descriptor, header, 0, HEADER, at);
      if (header.readInt32BE(LENGTH_AT) <= 0) break;
      starts.push(at);
    }
  } finally {
    closeSync(descriptor);
  }
  return starts;
}
