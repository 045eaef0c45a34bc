import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { SMTPServer } from 'smtp-server';

/**
 * A mail server of its own process, to be killed: `node smtp-server.ts <port> <certificate> <key> <kept mails>`. It takes
 * mails by STARTTLS alone, and answers that it has one only once its Message-ID is on the disk.
 */

const [port, certFile, keyFile, keptFile] = process.argv.slice(2) as [string, string, string, string];
const kept = openSync(keptFile, 'a');

const server = new SMTPServer({
  authOptional: true,
  cert: readFileSync(certFile),
  key: readFileSync(keyFile),
  onMailFrom(_address, { secure }, callback) {
    callback(secure ? null : Object.assign(new Error('Must issue a STARTTLS command first'), { responseCode: 530 }));
  },
  onData(stream, _session, callback) {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const id = /^Message-ID: <([^>]+)>/im.exec(Buffer.concat(chunks).toString())?.[1] ?? 'none';
      writeSync(kept, `${id}\n`);
      fdatasyncSync(kept);
      callback();
    });
  },
});
// A sender that is killed resets its connections.
server.on('error', () => {});
server.listen(Number(port), '127.0.0.1');
process.once('exit', () => closeSync(kept));
