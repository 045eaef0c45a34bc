import { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';

const UNREAD_MS = 1_000;
const UNREAD_BYTES_MAX = 64 * 1024;
const waiting = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls back once, when a request has its answer or its connection is gone. Of an answer that stands behind others on its
 * connection nothing is heard when that breaks off, so the connection itself is listened to as well.
 */
export function onceAnswered(request: FastifyRequest, reply: FastifyReply, callback: () => void): void {
  const { socket } = request.raw;
  let callbacks = waiting.get(socket);
  if (!callbacks) {
    const all = new Set<() => void>();
    waiting.set(socket, (callbacks = all));
    socket.once('close', () => {
      for (const each of all) each();
    });
  }
  const mine = callbacks;
  const once = (): void => {
    if (mine.delete(once)) callback();
  };
  mine.add(once);
  reply.raw.once('close', once);
}

/** Whether the rest of a request's body is more than anybody reads who has refused it; a chunked one may be. */
function isLargeRest({ raw }: FastifyRequest): boolean {
  return !raw.complete && !(Number(raw.headers['content-length'] ?? 'chunked') <= UNREAD_BYTES_MAX);
}

/**
 * Takes no more of a large body that is still on its way, because the request is being refused. Without this, Node reads
 * what is left of an answered request to throw it away, and every piece is memory that the garbage collector must free.
 * Call it before the answer is sent, and `closeUnread` afterwards.
 */
export function leaveUnread(request: FastifyRequest): void {
  const { raw } = request;
  if (!(raw.socket instanceof Socket) || !isLargeRest(request)) return;
  // By reading, the request would make its connection flow again.
  raw._read = () => {};
  raw.socket.pause();
}

/**
 * Closes the connection of a request that was answered before its body had come, unless the rest comes soon. Until then
 * the caller can read the answer.
 */
export function closeUnread({ raw }: FastifyRequest): void {
  // What is asked of an app in the same process comes on no connection.
  if (!(raw.socket instanceof Socket)) return;
  setTimeout(() => {
    if (!raw.complete) raw.socket.destroy();
  }, UNREAD_MS).unref();
}
