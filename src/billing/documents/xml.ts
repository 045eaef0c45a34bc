/** XML out of nested names: an element is its name, its attributes, and text or elements. */

export type Element = readonly [
  name: string,
  content: string | readonly (Element | undefined)[],
  attributes?: Readonly<Record<string, string>>,
];

/** What XML 1.0 cannot hold is left out, and control characters that it could. */
const IMPOSSIBLE = /[^\P{Cc}\t\n\r]|[\ufffe\uffff]|\p{Cs}/gu;

function escaped(text: string): string {
  return text
    .replace(IMPOSSIBLE, '')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;');
}

function written([name, content, attributes = {}]: Element, indent: string): string {
  const head = `${indent}<${name}${Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${escaped(value)}"`)
    .join('')}>`;
  if (typeof content === 'string') return `${head}${escaped(content)}</${name}>\n`;
  const inner = content.flatMap((child) => (child ? [written(child, `${indent} `)] : [])).join('');
  return `${head}\n${inner}${indent}</${name}>\n`;
}

/** A document, with its declaration. */
export function xmlOf(root: Element): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${written(root, '')}`;
}

/** An element with a text, where there is one. */
export function text(
  name: string,
  value: string | undefined,
  attributes?: Readonly<Record<string, string>>,
): Element | undefined {
  return value === undefined || value.trim() === '' ? undefined : [name, value.trim(), attributes];
}

/** An element around others, where there is one of them. */
export function group(name: string, ...children: readonly (Element | undefined)[]): Element | undefined {
  return children.some((child) => child !== undefined) ? [name, children] : undefined;
}
