/** Pieces and amounts as options name them: `MUG-1=2`, `3=4.50`. */

/** The two sides of the last `=` of an option; throws what to give instead, with an example. */
function sides(text: string, option: string, example: string, valid: RegExp): readonly [name: string, value: string] {
  const split = text.lastIndexOf('=');
  const [name, value] = [text.slice(0, split), text.slice(split + 1)];
  if (split < 1 || !valid.test(value)) throw new Error(`${option} takes ${example}, not ${text}.`);
  return [name, value];
}

const QUANTITY = /^[1-9]\d{0,8}$/;
const AMOUNT = /^\d{1,16}(\.\d+)?$/;

/** Pieces by SKU: `MUG-1=2`. Throws for anything else. */
export function piecesBySku(texts: readonly string[], option: string): { sku: string; quantity: number }[] {
  return texts.map((text) => {
    const [sku, quantity] = sides(text, option, 'SKU=quantity, such as MUG-1=2', QUANTITY);
    return { sku, quantity: Number(quantity) };
  });
}

/** Pieces by line: `2=1`, or `2` for all of it (`quantity` is undefined). Throws for anything else. */
export function piecesByLine(texts: readonly string[], option: string): { line: number; quantity?: number }[] {
  return texts.map((text) => {
    if (QUANTITY.test(text)) return { line: Number(text) };
    const [line, quantity] = sides(text, option, 'a line, or line=quantity, such as 2=1', QUANTITY);
    return { line: lineOf(line, option), quantity: Number(quantity) };
  });
}

/** Money by line: `2=4.50`. Throws for anything else. */
export function amountsByLine(texts: readonly string[], option: string): { line: number; amount: string }[] {
  return texts.map((text) => {
    const [line, amount] = sides(text, option, 'line=amount, such as 2=4.50', AMOUNT);
    return { line: lineOf(line, option), amount };
  });
}

function lineOf(text: string, option: string): number {
  if (!QUANTITY.test(text)) throw new Error(`${option} names a line by its number, from 1, not by ${text}.`);
  return Number(text);
}
