/** Text that people read: made shorter without breaking what they see as one character, and as HTML. */

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Longer than any emoji of several people, so that the border before a place is found without reading the whole text. */
const GRAPHEME_MAX = 64;

/**
 * The beginning of a text, at most `max` UTF-16 units of it, cut between two graphemes: an emoji or a letter with its
 * accents is there whole or not at all.
 */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const from = Math.max(0, max - GRAPHEME_MAX);
  // What begins in the middle of a grapheme finds its next border all the same, as long as one follows.
  const segment = graphemes.segment(text.slice(from, max + GRAPHEME_MAX)).containing(max - from);
  return text.slice(0, from + (segment?.index ?? max - from));
}

/** Like {@link cut}, with an ellipsis in the place of what was left off. */
export function shortened(text: string, max: number): string {
  return text.length <= max ? text : `${cut(text, max - 1)}…`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A value as text in HTML, or in a quoted attribute of it. */
export function escapeHtml(value: unknown): string {
  return String(value).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
