import { readFile } from 'node:fs/promises';
import { type DayOrder, checkTimeZone } from './dates.ts';
import type { DialectChoice } from './dialect.ts';
import type { DecimalMark } from './numbers.ts';
import { type Columns, type Field, FIELDS, type Preset, PRESETS } from './presets.ts';
import { namedState, type State } from './states.ts';

/** How a file is to be read: what the command line and a mapping file say, and a preset for the rest. */

/** A wrong call: the command ends before it has done anything. */
export class UsageError extends Error {}

export interface MappingOptions {
  readonly preset?: string;
  /** `field=Column` pairs. */
  readonly map?: readonly string[];
  readonly mapFile?: string;
  readonly prices?: string;
  readonly decimal?: string;
  readonly delimiter?: string;
  readonly encoding?: string;
  readonly timeZone?: string;
  readonly skuFrom?: string;
}

/** What is asked for, before a file was looked at. */
export interface MappingChoice {
  readonly preset: Preset | undefined;
  readonly map: Readonly<Partial<Record<Field, Columns>>>;
  /** Words in small letters. */
  readonly status: Readonly<Record<string, State>>;
  readonly prices: 'include-tax' | 'exclude-tax' | undefined;
  readonly decimal: DecimalMark | undefined;
  readonly days: DayOrder | undefined;
  readonly timeZone: string;
  readonly skuFromName: boolean;
  readonly dialect: DialectChoice;
}

/** That, with the columns of a file. */
export interface Mapping extends MappingChoice {
  /** `csv` where no preset fits. */
  readonly name: string;
  /** Places in a record by field. */
  readonly places: ReadonlyMap<Field, readonly number[]>;
  readonly columns: number;
}

const FILE_KEYS = ['preset', 'map', 'status', 'prices', 'decimal', 'delimiter', 'encoding', 'timeZone', 'skipLines'];

/** Reads the options and the mapping file; options win. Throws {@link UsageError}. */
export async function mappingChoice(options: MappingOptions): Promise<MappingChoice> {
  const file = options.mapFile === undefined ? {} : await readMapFile(options.mapFile);
  const text = (name: 'preset' | 'prices' | 'decimal' | 'delimiter' | 'encoding' | 'timeZone'): string | undefined => {
    const value = options[name] ?? file[name];
    if (value !== undefined && typeof value !== 'string') throw new UsageError(`${name} must be a text.`);
    return value;
  };
  const presetName = text('preset');
  const preset = PRESETS.find(({ name }) => name === presetName);
  if (presetName !== undefined && !preset)
    throw new UsageError(`There is no preset ${presetName}; there are ${PRESETS.map(({ name }) => name).join(', ')}.`);
  const prices = text('prices');
  if (prices !== undefined && prices !== 'include-tax' && prices !== 'exclude-tax')
    throw new UsageError(`--prices ${prices}: write include-tax or exclude-tax.`);
  const decimal = text('decimal');
  if (decimal !== undefined && decimal !== '.' && decimal !== ',')
    throw new UsageError(`--decimal ${decimal}: write . or ,`);
  const timeZone = text('timeZone') ?? 'UTC';
  usage(() => checkTimeZone(timeZone));
  const { skipLines } = file;
  if (skipLines !== undefined && !(Number.isInteger(skipLines) && (skipLines as number) >= 0))
    throw new UsageError('skipLines must be a whole number.');
  if (options.skuFrom !== undefined && options.skuFrom !== 'name')
    throw new UsageError(`--sku-from ${options.skuFrom}: an article number can be taken from name.`);
  return {
    preset,
    map: { ...mapOf(file['map']), ...pairsOf(options.map ?? []) },
    status: statusOf(file['status']),
    prices: prices ?? preset?.prices,
    decimal: decimal ?? preset?.decimal,
    days: preset?.days,
    timeZone,
    skuFromName: options.skuFrom === 'name',
    dialect: {
      delimiter: text('delimiter'),
      encoding: text('encoding'),
      ...(skipLines !== undefined && { skipLines: skipLines as number }),
    },
  };
}

function usage<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function readMapFile(path: string): Promise<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`--map-file ${path} cannot be read: ${(error as Error).message}`);
  }
  if (!isObject(parsed)) throw new UsageError(`--map-file ${path} must be a JSON object.`);
  const unknown = Object.keys(parsed).find((key) => !FILE_KEYS.includes(key));
  if (unknown !== undefined)
    throw new UsageError(`--map-file ${path}: "${unknown}" is none of ${FILE_KEYS.join(', ')}.`);
  return parsed;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fieldOf(name: string, where: string): Field {
  if (!(name in FIELDS))
    throw new UsageError(`${where}: there is no field "${name}"; there are ${Object.keys(FIELDS).join(', ')}.`);
  return name as Field;
}

function pairsOf(pairs: readonly string[]): Partial<Record<Field, Columns>> {
  const columns: Partial<Record<Field, Columns>> = {};
  for (const pair of pairs) {
    const split = pair.indexOf('=');
    if (split < 0)
      throw new UsageError(`--map ${pair}: write field=Column, with a field out of ${Object.keys(FIELDS).join(', ')}.`);
    columns[fieldOf(pair.slice(0, split), `--map ${pair}: write field=Column`)] = pair.slice(split + 1);
  }
  return columns;
}

function mapOf(map: unknown): Partial<Record<Field, Columns>> {
  if (map === undefined) return {};
  if (!isObject(map)) throw new UsageError('map must name a column, or a list of columns, by field.');
  const columns: Partial<Record<Field, Columns>> = {};
  for (const [name, value] of Object.entries(map)) {
    const list = Array.isArray(value) && value.length > 0 && value.every((column) => typeof column === 'string');
    if (typeof value !== 'string' && !list)
      throw new UsageError(`map.${name} must be the name of a column, or a list of names.`);
    columns[fieldOf(name, 'map')] = value as Columns;
  }
  return columns;
}

function statusOf(status: unknown): Record<string, State> {
  if (status === undefined) return {};
  if (!isObject(status)) throw new UsageError('status must name a state by word.');
  return Object.fromEntries(
    Object.entries(status).map(([word, name]) => {
      const state = typeof name === 'string' ? namedState(name) : undefined;
      if (!state)
        throw new UsageError(
          `status: "${String(name)}" is no state; write COMPLETED, REFUNDED, CANCELLED, PAYMENT_FAILED, OPEN or UNPAID.`,
        );
      return [
        word
          .trim()
          .toLowerCase()
          .replace(/^wc-/, '')
          .replace(/[\s_-]+/g, ' '),
        state,
      ];
    }),
  );
}

/** Whether all that an order needs is among these fields. */
function isEnough(fields: { has(field: Field): boolean }, skuFromName: boolean): boolean {
  if (!fields.has('invoice')) return false;
  if (fields.has('packed')) return true;
  const sku = fields.has('sku') || (skuFromName && fields.has('name'));
  return sku && fields.has('quantity') && (fields.has('price') || fields.has('amount'));
}

/** Finds the columns in a header. Throws {@link UsageError} where one is missing, or named twice. */
export function mappingOf(choice: MappingChoice, header: readonly string[]): Mapping {
  const names = header.map((column) => column.trim());
  const preset = choice.preset ?? detected(choice, names);
  const places = new Map<Field, readonly number[]>();
  const find = (column: string): number => {
    const place = names.indexOf(column);
    if (place >= 0 && names.indexOf(column, place + 1) >= 0)
      throw new UsageError(`Two columns of the file are named "${column}"; rename one of them.`);
    return place;
  };
  for (const [field, alternatives] of Object.entries(preset?.columns ?? {}) as [Field, readonly Columns[]][]) {
    if (choice.map[field] !== undefined) continue;
    const found = alternatives
      .map((columns) => [columns].flat())
      .find((list) => list.every((column) => names.includes(column)));
    if (found) places.set(field, found.map(find));
  }
  for (const [field, columns] of Object.entries(choice.map) as [Field, Columns][]) {
    const list = [columns].flat();
    const missing = list.find((column) => !names.includes(column.trim()));
    if (missing !== undefined)
      throw new UsageError(
        `The file has no column "${missing}" for the ${field}; its columns are: ${names.join(', ')}.`,
      );
    places.set(
      field,
      list.map((column) => find(column.trim())),
    );
  }
  if (choice.map.amount !== undefined && choice.map.price === undefined) places.delete('price');
  if (choice.map.price !== undefined && choice.map.amount === undefined) places.delete('amount');
  if (!isEnough(places, choice.skuFromName)) {
    const presets = PRESETS.map(({ name }) => name).join(', ');
    throw new UsageError(
      `The columns (${names.join(', ')}) ${preset ? `lack what ${preset.name} needs` : `fit no preset (${presets})`}; name them with --map invoice=… --map sku=… --map quantity=… --map price=… (or amount=…), or in a --map-file.`,
    );
  }
  return {
    ...choice,
    preset,
    prices: choice.prices ?? preset?.prices,
    decimal: choice.decimal ?? preset?.decimal,
    days: choice.days ?? preset?.days,
    name: preset?.name ?? 'csv',
    places,
    columns: names.length,
  };
}

/** The preset of which the file has most columns, where it has what an order needs; none where the mapping is enough. */
function detected(choice: MappingChoice, names: readonly string[]): Preset | undefined {
  const mapped = new Set(Object.keys(choice.map) as Field[]);
  if (isEnough(mapped, choice.skuFromName)) return undefined;
  let best: { preset: Preset; columns: number } | undefined;
  for (const preset of PRESETS) {
    const fields = new Set<Field>(mapped);
    let columns = 0;
    for (const [field, alternatives] of Object.entries(preset.columns) as [Field, readonly Columns[]][]) {
      const found = alternatives.find((one) => [one].flat().every((column) => names.includes(column)));
      if (found) {
        fields.add(field);
        columns++;
      }
    }
    if (isEnough(fields, choice.skuFromName) && columns > (best?.columns ?? 0)) best = { preset, columns };
  }
  return best?.preset;
}
