import { createRequire } from 'node:module';
import * as bidiModule from 'bidi-js';
import type { Bidi } from 'bidi-js';
import type PDFDocument from 'pdfkit';
import { fontAt } from './woff.ts';

/** Text of any of our languages on a page: the font that has its letters, in the order in which it is read. */

type Doc = InstanceType<typeof PDFDocument>;

const resolve = createRequire(import.meta.url).resolve;
/** Its types say less than it exports: a CommonJS module whose only export makes one. */
const bidi = (bidiModule as unknown as { readonly default: () => Bidi }).default();
const SUBSETS = ['latin', 'latin-ext', 'cyrillic', 'cyrillic-ext', 'greek', 'greek-ext', 'vietnamese'] as const;
const WEIGHTS = { regular: 400, bold: 700 } as const;
export type Weight = keyof typeof WEIGHTS;

/** Marks that steer the direction of text; whole runs are ordered here, and fonts have no glyph for them. */
const DIRECTION_MARKS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
/** Letters that are read from right to left; a line without any is read as it is written, in every language. */
const RIGHT_TO_LEFT = /[\p{Script=Arabic}\p{Script=Hebrew}]/u;
const UNKNOWN = '?';

export interface Style {
  readonly size: number;
  readonly weight?: Weight;
  readonly color?: string;
  /** Amounts and numbers are read from left to right in every language. */
  readonly isNumber?: boolean;
}

/** Code points: a font has a glyph for each. */
const lettersOf = (text: string): string[] => Array.from(text);

interface Run {
  readonly text: string;
  readonly font: string;
  readonly level: number;
}

/** Writes on a document; knows which fonts have which letters. */
export class Typesetter {
  readonly doc: Doc;
  readonly isRtl: boolean;
  readonly #fonts: Record<Weight, { readonly name: string; has(codePoint: number): boolean }[]>;

  constructor(doc: Doc, isRtl: boolean) {
    this.doc = doc;
    this.isRtl = isRtl;
    this.#fonts = { regular: this.#load('regular'), bold: this.#load('bold') };
  }

  #load(weight: Weight): { name: string; has(codePoint: number): boolean }[] {
    const files = [
      ...SUBSETS.map((subset) => `@fontsource/noto-sans/files/noto-sans-${subset}-${WEIGHTS[weight]}-normal.woff`),
      `@fontsource/noto-sans-arabic/files/noto-sans-arabic-arabic-${WEIGHTS[weight]}-normal.woff`,
    ];
    return files.map((file, index) => {
      const name = `${weight}-${index}`;
      // Opening a font takes as long as drawing a page: each is opened when a letter is in none before it.
      let opened: { hasGlyphForCodePoint(code: number): boolean } | undefined;
      const open = (): NonNullable<typeof opened> => {
        this.doc.registerFont(name, fontAt(resolve(file))).font(name);
        return (this.doc as unknown as { _font: { font: NonNullable<typeof opened> } })._font.font;
      };
      return { name, has: (codePoint) => (opened ??= open()).hasGlyphForCodePoint(codePoint) };
    });
  }

  /** The runs of a text from left to right, each in one font and one direction. */
  #runs(text: string, { weight = 'regular', isNumber }: Style): Run[] {
    const fonts = this.#fonts[weight];
    const clean = lettersOf(text.replace(DIRECTION_MARKS, '').replace(/\s/g, ' '))
      .map((letter) => (fonts.some(({ has }) => has(letter.codePointAt(0)!)) ? letter : UNKNOWN))
      .join('');
    const isRtl = this.isRtl && !isNumber && RIGHT_TO_LEFT.test(clean);
    const { levels } = bidi.getEmbeddingLevels(clean, isRtl ? 'rtl' : 'ltr');
    const runs: { text: string; font: string; level: number }[] = [];
    let at = 0;
    for (const letter of clean) {
      const level = levels[at] ?? 0;
      const shown = level % 2 === 1 ? (bidi.getMirroredCharacter(letter) ?? letter) : letter;
      at += letter.length;
      const last = runs.at(-1);
      const current = last && fonts.find(({ name }) => name === last.font);
      if (last && last.level === level && current?.has(shown.codePointAt(0)!)) last.text += shown;
      else
        runs.push({
          text: shown,
          level,
          font: fonts.find(({ has }) => has(shown.codePointAt(0)!))?.name ?? fonts[0]!.name,
        });
    }
    const highest = runs.reduce((most, { level }) => (level > most ? level : most), 0);
    for (let level = highest; level > 0; level--)
      for (let from = 0; from < runs.length; from++) {
        let to = from;
        while (to < runs.length && runs[to]!.level >= level) to++;
        if (to > from) runs.splice(from, to - from, ...runs.slice(from, to).reverse());
        from = to;
      }
    return runs;
  }

  width(text: string, style: Style): number {
    return this.#runs(text, style).reduce((sum, run) => sum + this.#widthOf(run, style.size), 0);
  }

  #widthOf({ text, font }: Run, size: number): number {
    return this.doc.font(font).fontSize(size).widthOfString(text, { features: [] });
  }

  /** Lines of at most a width; a word that is longer is broken. */
  wrapped(text: string, width: number, style: Style): string[] {
    const lines: string[] = [];
    let line = '';
    for (const word of text.split(/\s+/).filter((one) => one !== '')) {
      let rest = word;
      if (line !== '' && this.width(`${line} ${word}`, style) <= width) {
        line = `${line} ${word}`;
        continue;
      }
      if (line !== '') lines.push(line);
      while (this.width(rest, style) > width && lettersOf(rest).length > 1) {
        const letters = lettersOf(rest);
        let count = letters.length - 1;
        while (count > 1 && this.width(letters.slice(0, count).join(''), style) > width) count--;
        lines.push(letters.slice(0, count).join(''));
        rest = letters.slice(count).join('');
      }
      line = rest;
    }
    if (line !== '') lines.push(line);
    return lines.length > 0 ? lines : [''];
  }

  /**
   * One line in a box of a width. `start` and `end` are those of the language: what starts at the left in English starts at
   * the right in Arabic; the box itself is mirrored by whoever places it.
   */
  line(text: string, x: number, y: number, width: number, align: 'start' | 'end' | 'center', style: Style): void {
    const { size, color = '#1f2328' } = style;
    const runs = this.#runs(text, style);
    // Fonts differ in how high they are: what stands on one line stands on one baseline.
    const baseline = y + size;
    const own = runs.reduce((sum, run) => sum + this.#widthOf(run, size), 0);
    const atRight = (align === 'end') !== this.isRtl;
    let left = align === 'center' ? x + (width - own) / 2 : atRight ? x + width - own : x;
    for (const run of runs) {
      const advance = this.#widthOf(run, size);
      this.doc
        .fillColor(color)
        .text(run.text, left, baseline, { lineBreak: false, baseline: 'alphabetic', features: [] });
      left += advance;
    }
  }
}
