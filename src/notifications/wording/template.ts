/**
 * A template is a text file: `subject:`, `short:` (for text messages, pushes and the preview that mail programs show) and
 * where there is a link `action:` (what its button says), then paragraphs. `# ` begins the heading, `## ` a section.
 * `{{name}}` stands for a value. A paragraph that lacks one of its values is left out; `{{items}}`, `{{facts}}` and
 * `{{note}}` alone in a paragraph are a table of items, one of facts, and what somebody wrote for the customer.
 */

/** Values that stand in sentences. */
export const TEXT_VALUES = ['order', 'amount', 'deadline', 'fate', 'carrier', 'trackingNumber'] as const;
export type TextValue = (typeof TEXT_VALUES)[number];
const BLOCKS = ['items', 'facts', 'note'] as const;
type BlockName = (typeof BLOCKS)[number];

/** Label, value, and whether it is the sum of those before. */
export type TableRow = readonly [label: string, value: string, isSum?: true];

/** What a message is made of, in order; kept with it, so that its HTML can be made again. */
export type Block =
  | { readonly type: 'heading' | 'section' | 'text' | 'note'; readonly text: string }
  | { readonly type: 'items' | 'facts'; readonly rows: readonly TableRow[] }
  | { readonly type: 'action'; readonly text: string; readonly url: string };

/** What a template is filled with. */
export interface Values {
  readonly texts: Readonly<Partial<Record<TextValue, string | undefined>>>;
  readonly items?: readonly TableRow[] | undefined;
  readonly facts?: readonly TableRow[] | undefined;
  readonly note?: string | undefined;
  readonly link?: string | undefined;
}

/** A text in pieces: literal, value, literal, value … */
interface Pattern {
  readonly literals: readonly string[];
  readonly names: readonly string[];
}

type Part =
  | { readonly type: 'heading' | 'section' | 'text'; readonly pattern: Pattern }
  | { readonly type: 'block'; readonly name: BlockName };

export interface Template {
  readonly subject: Pattern;
  readonly short: Pattern;
  readonly action: string | undefined;
  readonly parts: readonly Part[];
}

const VALUE = /\{\{(\w+)\}\}/;
const ONE_BLOCK = /^\{\{(items|facts|note)\}\}$/;

export function patternOf(text: string, allowed: readonly string[]): Pattern {
  const pieces = text.split(VALUE);
  const names = pieces.filter((_, index) => index % 2 === 1);
  for (const name of names) if (!allowed.includes(name)) throw new Error(`{{${name}}} is no value: ${text}`);
  return { literals: pieces.filter((_, index) => index % 2 === 0), names };
}

/** The text with its values; undefined where one of them is missing. */
export function filled(
  { literals, names }: Pattern,
  values: Readonly<Record<string, string | undefined>>,
): string | undefined {
  let text = literals[0]!;
  for (let i = 0; i < names.length; i++) {
    const value = values[names[i]!];
    if (value === undefined) return undefined;
    text += value + literals[i + 1]!;
  }
  return text;
}

/** `key: value` lines. */
export function headerLines(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return new Map(
    lines.map((line) => {
      const [, key, value] = /^(\w+): (.+)$/.exec(line) ?? [];
      if (key === undefined) throw new Error(`No line of the form "name: text": ${line}`);
      return [key, value!];
    }),
  );
}

/** Throws where the file is none. */
export function parseTemplate(file: string): Template {
  const [head = '', ...paragraphs] = file.trim().split(/\n{2,}/);
  const lines = headerLines(head);
  const line = (name: string): Pattern => {
    const text = lines.get(name);
    if (text === undefined) throw new Error(`The template has no ${name}`);
    return patternOf(text, TEXT_VALUES);
  };
  return {
    subject: line('subject'),
    short: line('short'),
    action: lines.get('action'),
    parts: paragraphs.map((text): Part => {
      const block = ONE_BLOCK.exec(text);
      if (block) return { type: 'block', name: block[1] as BlockName };
      const type = text.startsWith('## ') ? 'section' : text.startsWith('# ') ? 'heading' : 'text';
      return { type, pattern: patternOf(text.replace(/^#+ /, ''), TEXT_VALUES) };
    }),
  };
}

/** The blocks of a message. The button stands before the first section. */
export function blocksOf({ parts, action }: Template, values: Values): Block[] {
  const blocks: Block[] = [];
  const button = (): void => {
    if (action !== undefined && values.link !== undefined && !blocks.some(({ type }) => type === 'action'))
      blocks.push({ type: 'action', text: action, url: values.link });
  };
  for (const part of parts) {
    if (part.type === 'block') {
      if (part.name === 'note') {
        if (values.note !== undefined) blocks.push({ type: 'note', text: values.note });
      } else {
        const rows = values[part.name];
        if (rows !== undefined && rows.length > 0) blocks.push({ type: part.name, rows });
      }
      continue;
    }
    const text = filled(part.pattern, values.texts);
    if (text === undefined) continue;
    if (part.type === 'section') button();
    blocks.push({ type: part.type, text });
  }
  button();
  return blocks;
}
