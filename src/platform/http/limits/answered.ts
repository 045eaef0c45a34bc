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

/**
 * Closes the connection of a request that was answered before its body had come, unless the rest comes soon. A large rest
 * is not read at all: meanwhile the caller can read the answer.
 */
export function closeUnread({ raw }: FastifyRequest): void {
  // What is asked of an app in the same process comes on no connection.
  if (!(raw.socket instanceof Socket)) return;
  if (!(Number(raw.headers['content-length']) <= UNREAD_BYTES_MAX)) raw.socket.pause();
  setTimeout(() => {
    if (!raw.complete) raw.socket.destroy();
  }, UNREAD_MS).unref();
}
