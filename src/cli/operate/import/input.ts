import { type ChildProcess, spawn } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

/** Part of most systems, and of no package here. */
const XZ = 'xz';

/** A file that can be read twice: plain, .gz, .xz (with the xz program), or standard input, which is kept aside. */
export interface Input {
  readonly name: string;
  read(): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

export async function openInput(file: string): Promise<Input> {
  if (file === '-') return standardInput();
  await access(file).catch(() => {
    throw new Error(`There is no file ${file}.`);
  });
  return { name: file, read: () => decompressed(file), close: async () => {} };
}

async function standardInput(): Promise<Input> {
  const folder = await mkdtemp(join(tmpdir(), 'olms-import-'));
  const close = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const copy = join(folder, 'stdin.csv');
    await pipeline(process.stdin, createWriteStream(copy, { mode: 0o600 }));
    return { name: 'standard input', read: () => createReadStream(copy), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function decompressed(file: string): AsyncIterable<Uint8Array> {
  if (file.endsWith('.xz')) return unxz(file);
  const bytes = createReadStream(file);
  if (!file.endsWith('.gz')) return bytes;
  const plain = createGunzip();
  bytes.on('error', (error) => plain.destroy(error));
  return bytes.pipe(plain);
}

async function* unxz(file: string): AsyncGenerator<Uint8Array> {
  const child = spawn(XZ, ['-dc', '--', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = exitOf(child);
  ended.catch(() => {});
  try {
    yield* child.stdout as AsyncIterable<Uint8Array>;
    await ended;
  } finally {
    child.kill();
  }
}

function exitOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let complaint = '';
    child.stderr!.on('data', (chunk: Buffer) => (complaint += chunk.toString().slice(0, 1_000)));
    child.on('error', (error) => {
      const missing = (error as { code?: string }).code === 'ENOENT';
      reject(missing ? new Error('Reading .xz needs the program xz; or decompress the file first.') : error);
    });
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`xz failed: ${complaint.trim()}`))));
  });
}
