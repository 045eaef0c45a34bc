import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from './problems.ts';

/** Conditional requests (RFC 9110, section 13): `If-Match` compares strongly, `If-None-Match` weakly; each takes `*` or a list. */

export interface EntityTag {
  readonly weak: boolean;
  /** Without quotes. */
  readonly value: string;
}
/** What a header names: any representation there is, or one of these. */
export type EntityTags = '*' | readonly EntityTag[];

/** `If-Match` and `If-None-Match` as the API describes them. */
export const TAGS_PATTERN = '^\\s*(\\*|(W/)?"[^"]*"(\\s*,\\s*(W/)?"[^"]*")*)\\s*$';

/** An answer that is compressed is another representation of the same version; so Apache names it as well. */
export const GZIP_SUFFIX = '-gzip';
const ELEMENT = /[\t ]*(?:(W\/)?"([\x21\x23-\x7e\x80-\u{10ffff}]*)")?[\t ]*(?:,|$)/uy;

/** The tags of a header; undefined for what is no list of tags. */
export function parseTags(header: string): EntityTags | undefined {
  if (header.trim() === '*') return '*';
  const tags: EntityTag[] = [];
  ELEMENT.lastIndex = 0;
  while (ELEMENT.lastIndex < header.length) {
    const found = ELEMENT.exec(header);
    if (!found) return undefined;
    const [, weak, value] = found;
    if (value === undefined) continue;
    tags.push({
      weak: weak !== undefined,
      value: value.endsWith(GZIP_SUFFIX) ? value.slice(0, -GZIP_SUFFIX.length) : value,
    });
  }
  return tags.length > 0 ? tags : undefined;
}

/** The tags of `If-Match`; undefined where there is none. Throws VALIDATION_FAILED for what cannot be read. */
export function ifMatch(request: FastifyRequest): EntityTags | undefined {
  const header = request.headers['if-match'];
  if (header === undefined) return undefined;
  const tags = parseTags(header);
  if (!tags)
    throw new Problem(
      'VALIDATION_FAILED',
      'If-Match must be an ETag as it was answered, such as "3", a list of them, or *.',
    );
  return tags;
}

/** Whether `If-None-Match` names this ETag, so that the caller has it already. What cannot be read names nothing. */
export function isKnown(request: FastifyRequest, etag: string): boolean {
  const header = request.headers['if-none-match'];
  const tags = header === undefined ? undefined : parseTags(header);
  if (tags === undefined || tags === '*') return tags === '*';
  const own = etag.replace(/^W\//, '').slice(1, -1);
  return tags.some(({ value }) => value === own);
}

/** Whether tags of `If-Match` name this ETag. A weak tag is never the same for sure. */
export function isMatched(tags: EntityTags, etag: string): boolean {
  if (tags === '*') return true;
  return tags.some(({ weak, value }) => !weak && `"${value}"` === etag);
}

const ETAG_CHARACTERS = 22;

/** The ETag of what has no version of its own: of its content. */
export function etagOf(content: unknown): string {
  return `"${createHash('sha256').update(JSON.stringify(content)).digest('base64url').slice(0, ETAG_CHARACTERS)}"`;
}

/** Answers a reader with content and its ETag, or 304 where they have it. */
export function sendTagged(request: FastifyRequest, reply: FastifyReply, content: object): FastifyReply {
  const etag = etagOf(content);
  void reply.header('etag', etag);
  return isKnown(request, etag) ? reply.code(304).send() : reply.send(content);
}
