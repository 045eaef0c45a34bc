import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** How to run a program of PostgreSQL: `command` and the arguments before its own, and the user that owns its files. */
export interface ServerUser {
  uid: number;
  gid: number;
  /** True when files have to be given to this user, because it is not the one this process runs as. */
  isOther: boolean;
  wrap(command: string, args: string[]): { command: string; args: string[]; uid?: number; gid?: number };
}

/**
 * PostgreSQL refuses to run as root. As root, it runs as the owner of the data, else as the system's `postgres`, else as `nobody`;
 * as anyone else, it runs as oneself. `paths` are all files it must reach.
 */
export function serverUser(dataDir: string, paths: string[]): ServerUser {
  const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const owner = existsSync(dataDir) ? statSync(dataDir) : undefined;
  if (own.uid !== 0 || process.platform === 'win32') {
    if (owner && process.platform !== 'win32' && owner.uid !== own.uid) {
      throw new Error(
        `The data in ${dataDir} belongs to user ${owner.uid}, and this is user ${own.uid}. Start as that user (or as root), or choose another OLMS_DATA.`,
      );
    }
    return { ...own, isOther: false, wrap: (command, args) => ({ command, args }) };
  }

  const user =
    owner && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : (systemUser('postgres') ?? systemUser('nobody'));
  if (!user)
    throw new Error(
      'PostgreSQL does not run as root, and this system has neither a user "postgres" nor "nobody". Start as another user.',
    );
  const blocked = paths.map((path) => firstBlocked(path, user)).find((folder) => folder !== undefined);
  if (blocked === undefined) return { ...user, isOther: true, wrap: (command, args) => ({ command, args, ...user }) };

  const capability = traversalCapability();
  if (capability === undefined) {
    throw new Error(
      `PostgreSQL does not run as root but as user ${user.uid}, which may not enter ${blocked}. ` +
        `Install setpriv (package util-linux), or allow it with "chmod o+x ${blocked}", or move the checkout and OLMS_DATA elsewhere, or start as another user.`,
    );
  }
  // access(2), which PostgreSQL asks about its own binaries, ignores the capabilities of any user but root unless no_setuid_fixup is set.
  const setpriv = [
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    '--clear-groups',
    '--securebits=+no_setuid_fixup',
    `--inh-caps=+${capability}`,
    `--ambient-caps=+${capability}`,
    '--',
  ];
  return {
    ...user,
    isOther: true,
    wrap: (command, args) => ({ command: 'setpriv', args: [...setpriv, command, ...args] }),
  };
}

function systemUser(name: string): { uid: number; gid: number } | undefined {
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [login, , uid, gid] = line.split(':');
    // macOS writes nobody as -2.
    if (login === name && uid !== undefined && gid !== undefined)
      return { uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 };
  }
  return undefined;
}

/** The first folder on the way to the path that the user may not enter. */
function firstBlocked(path: string, user: { uid: number; gid: number }): string | undefined {
  const parent = dirname(path);
  if (parent === path) return undefined;
  const above = firstBlocked(parent, user);
  if (above !== undefined) return above;
  if (!existsSync(parent)) return undefined;
  const { mode, uid, gid } = statSync(parent);
  const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
  return (mode & bit) === 0 ? parent : undefined;
}

/**
 * Reading and searching past permissions is the least that helps. Containers are often started without that one but with the right to
 * override permissions: more than needed, and still less than root.
 */
function traversalCapability(): 'dac_read_search' | 'dac_override' | undefined {
  if (process.platform !== 'linux' || spawnSync('setpriv', ['--version']).status !== 0) return undefined;
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  const bits = BigInt(`0x${effective ?? '0'}`);
  if ((bits >> 2n) & 1n) return 'dac_read_search';
  if ((bits >> 1n) & 1n) return 'dac_override';
  return undefined;
}
