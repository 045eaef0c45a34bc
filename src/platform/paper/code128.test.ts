import { describe, expect, test } from 'vitest';
import { code128 } from './code128.ts';

/** Widths as a text of digits, symbol by symbol. */
function symbols(text: string): string[] {
  const digits = code128(text)!.join('');
  return [...digits.slice(0, -7).match(/.{6}/g)!, digits.slice(-7)];
}

describe('Code 128', () => {
  // ISO/IEC 15417 gives the symbols; the check characters are computed by hand.
  test('writes start B, the characters, the check character and the stop', () => {
    // 104 + 1 × 33 = 137, and 137 mod 103 = 34.
    expect(symbols('A')).toEqual(['211214', '111323', '131123', '2331112']);
    // 104 + 1 × 17 + 2 × 18 = 157, and 157 mod 103 = 54.
    expect(symbols('12')).toEqual(['211214', '123221', '223211', '311123', '2331112']);
  });

  test('has a symbol of 11 modules with an even number of black ones for each character', () => {
    const all = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('');
    const written = symbols(all).slice(0, -1);
    expect(new Set(written.slice(1, -1)).size).toBe(95);
    for (const symbol of written) {
      const widths = Array.from(symbol, Number);
      expect(widths.reduce((sum, width) => sum + width, 0)).toBe(11);
      expect((widths[0]! + widths[2]! + widths[4]!) % 2).toBe(0);
    }
  });

  test.each(['', 'Grüße', 'a\nb', '٤٢'])('is there for no text but printable ASCII: %j', (text) => {
    expect(code128(text)).toBeUndefined();
  });
});
