import type PDFDocument from 'pdfkit';
import type { Address } from '#contracts/order-events.ts';
import { isRightToLeft, type Language } from '#contracts/languages.ts';
import { code128, QUIET_ZONE } from './code128.ts';
import { type Style, Typesetter } from './typesetter.ts';

/**
 * Pages as PDF/A-3 that print well: margins, boxes that lie from where reading starts, tables, bar codes, a foot on every
 * page. What is drawn follows from what is given alone, so it is the same whenever it is drawn.
 */

type Doc = InstanceType<typeof PDFDocument>;

export const MARGIN = 56;
const FOOT = 64;
export const GRAY = '#5c6370';
const RULE = '#c9ced6';
export const BODY: Style = { size: 9 };
export const STRONG: Style = { size: 9, weight: 'bold' };
export const SMALL: Style = { size: 7.5, color: GRAY };
export const LINE_HEIGHT = 13;
const NAME_LINES_MAX = 6;
const BAR_HEIGHT = 34;
const MODULE = 1.1;

export const PAPERS = ['A4', 'Letter'] as const;
export type Paper = (typeof PAPERS)[number];
/** Where paper is Letter; everywhere else it is A4. */
const LETTER: ReadonlySet<string> = new Set(['US', 'CA', 'MX', 'CL', 'CO', 'VE', 'PH']);

/** The paper of a country (ISO 3166-1, two letters). */
export function paperOf(countryCode: string | undefined): Paper {
  return countryCode !== undefined && LETTER.has(countryCode) ? 'Letter' : 'A4';
}

export interface Printed {
  readonly title: string;
  readonly language: Language;
  readonly paper: Paper;
  /** When it was made, as the file says it. */
  readonly at: Date;
}

export interface Column {
  readonly head: string;
  readonly width: number;
  readonly align: 'start' | 'end';
}

/** The bytes of what is drawn on the sheet, and what `finish` adds to the file. Takes some milliseconds for every page. */
export async function printed(
  { title, language, paper, at }: Printed,
  draw: (sheet: Sheet) => void,
  finish?: (doc: Doc) => void,
): Promise<Buffer> {
  const { default: PDFDocument } = await import('pdfkit');
  const doc = new PDFDocument({
    size: paper === 'Letter' ? 'LETTER' : 'A4',
    margin: 0,
    autoFirstPage: false,
    bufferPages: true,
    pdfVersion: '1.7',
    subset: 'PDF/A-3b',
    lang: language,
    info: { Title: title, Creator: 'OLMS', Producer: 'OLMS', CreationDate: at, ModDate: at },
  });
  const chunks: Buffer[] = [];
  const ended = new Promise<Buffer>((resolve, reject) => {
    doc.on('data', (chunk: Buffer) => chunks.push(chunk));
    doc.on('end', () => resolve(Buffer.concat(chunks)));
    doc.on('error', reject);
  });
  draw(new Sheet(new Typesetter(doc, isRightToLeft(language))));
  finish?.(doc);
  doc.end();
  return ended;
}

/** Where something is drawn next, and how. All lengths are points. */
export class Sheet {
  readonly set: Typesetter;
  /** How far down the page is filled. */
  y = MARGIN;

  constructor(set: Typesetter) {
    this.set = set;
    set.doc.addPage();
  }

  /** Of what may be drawn on. */
  get width(): number {
    return this.set.doc.page.width - 2 * MARGIN;
  }

  /** The left side of a box that lies so far from the side where reading starts. */
  #left(from: number, width: number): number {
    return this.set.isRtl ? this.set.doc.page.width - MARGIN - from - width : MARGIN + from;
  }

  /** One line in a box that lies so far from where reading starts, at the height where the sheet is. */
  text(
    text: string,
    style: Style,
    from = 0,
    width = this.width - from,
    align: 'start' | 'end' | 'center' = 'start',
  ): void {
    this.set.line(text, this.#left(from, width), this.y, width, align, style);
  }

  /** As many lines as it takes; the sheet goes down by `height` for each. */
  lines(
    text: string,
    style: Style,
    options: { readonly from?: number; readonly width?: number; readonly height?: number } = {},
  ): void {
    const { from = 0, height = LINE_HEIGHT } = options;
    const { width = this.width - from } = options;
    for (const line of this.set.wrapped(text, width, style)) {
      this.text(line, style, from, width);
      this.y += height;
    }
  }

  /** Names and values below each other, in a box of this width; what has no value is left out. */
  pairs(pairs: readonly (readonly [string, string | undefined])[], from: number, width: number): void {
    for (const [name, value] of pairs) {
      if (value === undefined) continue;
      this.text(name, { ...BODY, color: GRAY }, from, 90);
      this.lines(value, BODY, { from: from + 95, width: width - 95 });
    }
  }

  /** A row of a table; of `isData`, what is not in the first column is a number. */
  row(columns: readonly Column[], cells: readonly string[], style: Style, isData = true): void {
    let from = 0;
    for (const [index, { width, align }] of columns.entries()) {
      const text = cells[index] ?? '';
      if (text !== '') this.text(text, { ...style, isNumber: align === 'end' && isData }, from, width - 6, align);
      from += width;
    }
  }

  /** The names of the columns, over a rule. */
  head(columns: readonly Column[]): void {
    this.row(
      columns,
      columns.map(({ head }) => head),
      { ...STRONG, color: GRAY },
      false,
    );
    this.y += LINE_HEIGHT + 2;
    this.rule();
    this.y += 6;
  }

  /** What an article needs in a table, and how it is drawn there: its name in the first column on as many lines as it takes, its number below. */
  article(
    columns: readonly Column[],
    { name, sku }: { readonly name: string; readonly sku?: string | undefined },
    cells: readonly string[],
  ): { readonly height: number; draw(): void } {
    const names = this.set.wrapped(name, columns[0]!.width - 12, BODY).slice(0, NAME_LINES_MAX);
    const hasSku = sku !== undefined && sku !== name;
    return {
      height: names.length * LINE_HEIGHT + (hasSku ? 10 : 0) + 5,
      draw: () => {
        for (const [index, line] of names.entries()) {
          this.row(columns, index === 0 ? [line, ...cells] : [line], BODY);
          this.y += LINE_HEIGHT;
        }
        if (hasSku) {
          this.y -= 1;
          this.row(columns, [sku], SMALL);
          this.y += 11;
        }
        this.y += 5;
      },
    };
  }

  rule(): void {
    this.set.doc
      .moveTo(MARGIN, this.y)
      .lineTo(MARGIN + this.width, this.y)
      .lineWidth(0.6)
      .strokeColor(RULE)
      .stroke();
  }

  /** Whether so much still fits on the page. */
  fits(height: number): boolean {
    return this.y + height <= this.set.doc.page.height - MARGIN - FOOT;
  }

  /** Goes on on a new page. */
  nextPage(): void {
    this.set.doc.addPage();
    this.y = MARGIN;
  }

  /** A text as Code 128 with the text below, at the end of the lines in a box; nothing where it has other characters than ASCII. */
  barcode(text: string, from: number, width: number): void {
    const widths = code128(text);
    if (!widths) return;
    const modules = widths.reduce((sum, one) => sum + one, 2 * QUIET_ZONE);
    const module = Math.min(MODULE, width / modules);
    const left = this.#left(from, width) + (this.set.isRtl ? 0 : width - modules * module);
    let x = left + QUIET_ZONE * module;
    for (const [index, one] of widths.entries()) {
      if (index % 2 === 0) this.set.doc.rect(x, this.y, one * module, BAR_HEIGHT);
      x += one * module;
    }
    this.set.doc.fill('#000000');
    const below = this.y + BAR_HEIGHT + 2;
    this.set.line(text, left, below, modules * module, 'center', { size: 8, isNumber: true });
    this.y = below + 12;
  }

  /** Draws the foot of every page: these lines, and which page it is of how many. */
  feet(lines: readonly string[], page: string): void {
    const { doc } = this.set;
    const { count } = doc.bufferedPageRange();
    for (let index = 0; index < count; index++) {
      doc.switchToPage(index);
      this.y = doc.page.height - MARGIN - FOOT + 24;
      this.rule();
      this.y += 7;
      for (const line of lines) {
        this.set.line(line, MARGIN, this.y, this.width, 'center', SMALL);
        this.y += 10;
      }
      const label = page.replace('{page}', String(index + 1)).replace('{pages}', String(count));
      this.set.line(label, MARGIN, doc.page.height - MARGIN + 4, this.width, 'center', SMALL);
    }
  }
}

/** An address on several lines, as it is printed; a country that is a code by its name in this language. */
export function addressLines(
  { name, company, line1, line2, postalCode, city, region, country }: Address,
  language: Language,
): string[] {
  return [
    name,
    company === name ? undefined : company,
    line1,
    line2,
    [postalCode, city].filter(Boolean).join(' '),
    region,
    country !== undefined && /^[A-Z]{2}$/.test(country)
      ? new Intl.DisplayNames([language], { type: 'region' }).of(country)
      : country,
  ]
    .map((line) => line?.trim() ?? '')
    .filter((line) => line !== '');
}

/** What is known of these, in one line. */
export function joined(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join('  ·  ');
}
