/** Numbers as people and spreadsheets write them, as plain decimals; what can be read in two ways is refused, not guessed. */

export type DecimalMark = '.' | ',';

const PLAIN = /^-?(?:\d{1,16}(?:\.\d{0,30})?|\.\d{1,30})$/;
const AROUND = /^(?:[A-Z]{3}|[\p{Sc}])?\s*(.*?)\s*(?:[A-Z]{3}|[\p{Sc}])?$/u;
/** Digits that a spreadsheet has rounded away: `2.01E+11`. */
export const SCIENTIFIC = /^[+-]?\d+(?:[.,]\d+)?E\+?\d+$/i;

/** What a cell says: without the `="…"` and the apostrophe by which spreadsheets keep text that looks like a number. */
export function plainText(cell: string): string {
  const text = cell.trim();
  const formula = /^="(.*)"$/s.exec(text);
  return (formula ? formula[1]!.replaceAll('""', '"') : text.replace(/^'(?=[+\d])/, '')).trim();
}

/**
 * "12.5" of "$12.50", "1.234,50" is "1234.5", "(2.00)" is "-2". Undefined for what is no number, and for one that says
 * two things: "1,234" is read only where `decimal` says what a comma is.
 */
export function decimalOf(cell: string, decimal?: DecimalMark): string | undefined {
  let text = plainText(cell)
    .replace(/[\u00a0\u202f\u2009 ]/g, ' ')
    .replace(/\u2212/g, '-');
  let negative = false;
  const bracketed = /^\((.*)\)$/.exec(text);
  if (bracketed) {
    negative = true;
    text = bracketed[1]!.trim();
  }
  const sign = (): void => {
    if (/^[+-]/.test(text)) {
      if (text.startsWith('-')) negative = !negative;
      text = text.slice(1).trim();
    }
  };
  sign();
  text = AROUND.exec(text)?.[1] ?? text;
  sign();
  if (text.endsWith('-')) {
    negative = !negative;
    text = text.slice(0, -1);
  }
  const plain = withPoint(text.replace(/(?<=\d)[' ](?=\d{3}(?:\D|$))/g, ''), decimal);
  if (plain === undefined || !PLAIN.test(plain)) return undefined;
  const [whole = '', fraction = ''] = plain.split('.');
  const digits = fraction.replace(/0+$/, '');
  const value = `${whole.replace(/^0+(?=\d)/, '') || '0'}${digits === '' ? '' : `.${digits}`}`;
  return negative && value !== '0' ? `-${value}` : value;
}

function withPoint(text: string, decimal: DecimalMark | undefined): string | undefined {
  const [points, commas] = [text.split('.').length - 1, text.split(',').length - 1];
  if (commas === 0 && points <= 1 && decimal !== ',') return text;
  const mark = decimal ?? guessed(text, points, commas);
  if (mark === undefined) return undefined;
  const group = mark === '.' ? ',' : '.';
  const [whole = '', fraction, ...more] = text.split(mark);
  if (more.length > 0 || fraction?.includes(group)) return undefined;
  if (whole.includes(group) && !new RegExp(`^\\d{1,3}(?:\\${group}\\d{2,3})*\\${group}\\d{3}$`).test(whole))
    return undefined;
  return `${whole.replaceAll(group, '')}${fraction === undefined ? '' : `.${fraction}`}`;
}

/** With both marks the last one is the decimal mark; a comma alone is one unless three digits follow. */
function guessed(text: string, points: number, commas: number): DecimalMark | undefined {
  if (points > 0 && commas > 0) return text.lastIndexOf('.') > text.lastIndexOf(',') ? '.' : ',';
  if (commas > 1) return '.';
  if (points > 1) return ',';
  return /,\d{3}$/.test(text) ? undefined : ',';
}

const WHOLE = /^-?\d{1,15}$/;

/** A number of pieces; undefined for anything that is not whole. */
export function wholeOf(cell: string, decimal?: DecimalMark): number | undefined {
  const text = decimalOf(cell, decimal);
  return text !== undefined && WHOLE.test(text) ? Number(text) : undefined;
}
