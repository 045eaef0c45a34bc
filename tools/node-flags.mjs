// How much room the heap of a process gets before it is cleaned up. Later flags win over earlier ones.

/**
 * All services in one process: room for what lives as long as an order is under way. With Node's own first size most
 * of it is copied to the old generation.
 */
const whole = ['--min-semi-space-size=32', '--max-semi-space-size=64'];

/**
 * A service in a process of its own: Node's own size (0), because nine young generations of the size above push each
 * other out of the processor's caches. Most of what such a process holds is answers of the brokers, outside the heap;
 * beside a small heap each few megabytes of them would have all of it marked.
 */
export const serviceFlags = ['--min-semi-space-size=0', '--max-semi-space-size=0', '--initial-heap-size=256'];

/** Flags for `olms` with these arguments. */
export function nodeFlags([command, service]) {
  return command === 'start' && service !== undefined && !service.startsWith('-') ? serviceFlags : whole;
}
