import { Type } from 'typebox';

/** How callers write what several services know: products and places of stock. Answers and events carry both as they were written. */

/** `text` is the format of what PostgreSQL can hold; the HTTP server checks it. */
export const Sku = Type.String({
  maxLength: 100,
  format: 'text',
  pattern: '^[^\\u0000-\\u001f\\u007f]+$',
  minLength: 1,
});
export const Location = Type.String({ minLength: 1, maxLength: 50, pattern: '^[A-Za-z0-9._-]+$' });
