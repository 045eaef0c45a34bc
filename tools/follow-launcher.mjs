// Loaded before the program when a launcher in another Node started it (see setup.mjs). The launcher holds the other end of a pipe:
// it closes when the launcher dies, even by SIGKILL, and then this process must stop as well instead of running on unseen.
import { Socket } from 'node:net';

const fd = Number(process.env.OLMS_LAUNCHER_FD);
delete process.env.OLMS_LAUNCHER_FD; // it is not for the processes started from here
if (fd > 2) {
  const pipe = new Socket({ fd, readable: true, writable: false });
  pipe.on('error', () => {});
  pipe.on('close', () => process.kill(process.pid, 'SIGTERM'));
  pipe.resume();
  pipe.unref();
}
