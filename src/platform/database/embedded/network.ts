import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Files } from './files.ts';
import type { ServerUser } from './user.ts';

const socketPort = 5432;
const socketPathBytesMax = process.platform === 'linux' ? 107 : 103;

export interface Network {
  host: string;
  port: number;
  args: string[];
  temporaryFolder?: string;
}

/** A unix socket in a folder that only the server's user and root can enter; on Windows a port of the local machine. */
export async function networkOf(files: Files, user: ServerUser): Promise<Network> {
  if (process.platform === 'win32') {
    const port = await freePort();
    return { host: '127.0.0.1', port, args: ['-c', 'listen_addresses=127.0.0.1', '-c', `port=${port}`] };
  }
  let folder = files.socketFolder;
  let temporaryFolder: string | undefined;
  // Beside the data, since cleaners of /tmp remove sockets of long-running servers; but the path may be too long, or on a shared
  // folder of a virtual machine that has no sockets.
  const fits = Buffer.byteLength(join(folder, `.s.PGSQL.${socketPort}`)) <= socketPathBytesMax;
  if (fits) mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!fits || !(await holdsSockets(folder))) {
    folder = mkdtempSync(join(Buffer.byteLength(tmpdir()) > 60 ? '/tmp' : tmpdir(), 'olms-'));
    temporaryFolder = folder;
  }
  chmodSync(folder, 0o700);
  if (user.isOther) chownSync(folder, user.uid, user.gid);
  const args = ['-c', 'listen_addresses=', '-c', `port=${socketPort}`, '-c', `unix_socket_directories=${folder}`];
  return { host: folder, port: socketPort, args, ...(temporaryFolder ? { temporaryFolder } : {}) };
}

function holdsSockets(folder: string): Promise<boolean> {
  const path = join(folder, '.probe');
  rmSync(path, { force: true });
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(false));
    server.listen(path, () => server.close(() => done(true)));
  });
}

function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
