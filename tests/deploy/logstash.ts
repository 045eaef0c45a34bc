/**
 * What a Logstash does with an event by the filters of a pipeline file: as much of its language as ours use. There is no
 * Logstash here; anything that is not known throws.
 */

export type Event = Record<string, unknown>;
type Value = string | boolean | readonly Value[] | Hash;
interface Hash {
  readonly [name: string]: Value;
}
interface Plugin {
  readonly name: string;
  readonly settings: Hash;
}
/** A condition on a field, or a filter. */
type Step = Plugin | { readonly when: string; readonly steps: readonly Step[] };

const TOKEN = /\s+|#[^\n]*|"(?:[^"\\]|\\.)*"|=>|(?:\[[\w@.]+\])+|[{}[\],]|[\w.-]+/gy;

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(text);
    if (!found) throw new Error(`Not understood: ${text.slice(at, at + 40)}`);
    if (!/^(\s|#)/.test(found[0])) tokens.push(found[0]);
  }
  return tokens;
}

class Parser {
  readonly #tokens: string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokensOf(text);
  }

  /** Whether this token comes next; it stays where it is. */
  #is(token: string): boolean {
    return this.#tokens[this.#at] === token;
  }

  #take(expected?: string): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined || (expected !== undefined && token !== expected))
      throw new Error(`${expected ?? 'something'} was expected, and ${token} is there`);
    return token;
  }

  /** Sections by name: input, filter, output. */
  sections(): Map<string, readonly Step[]> {
    const sections = new Map<string, readonly Step[]>();
    while (this.#at < this.#tokens.length) sections.set(this.#take(), this.#steps());
    return sections;
  }

  #steps(): Step[] {
    this.#take('{');
    const steps: Step[] = [];
    while (!this.#is('}')) {
      const name = this.#take();
      if (name === 'if') steps.push({ when: this.#take(), steps: this.#steps() });
      else steps.push({ name, settings: this.#hash() });
    }
    this.#take('}');
    return steps;
  }

  #hash(): Hash {
    this.#take('{');
    const hash: Record<string, Value> = {};
    while (!this.#is('}')) {
      const name = unquoted(this.#take());
      this.#take('=>');
      hash[name] = this.#value();
    }
    this.#take('}');
    return hash;
  }

  #value(): Value {
    if (this.#is('{')) return this.#hash();
    if (!this.#is('[')) {
      const token = unquoted(this.#take());
      return token === 'true' ? true : token === 'false' ? false : token;
    }
    this.#take('[');
    const list: Value[] = [];
    while (!this.#is(']')) {
      list.push(this.#value());
      if (this.#is(',')) this.#take();
    }
    this.#take(']');
    return list;
  }
}

const unquoted = (token: string): string => (token.startsWith('"') ? token.slice(1, -1) : token);

/** `[a][b.c]` or a bare name, as the way to a field. */
function wayOf(reference: string): string[] {
  return reference.startsWith('[') ? reference.slice(1, -1).split('][') : [reference];
}

function get(event: Event, reference: string): unknown {
  let value: unknown = event;
  for (const name of wayOf(reference)) value = (value as Event | undefined)?.[name];
  return value;
}

function set(event: Event, reference: string, value: unknown): void {
  const way = wayOf(reference);
  let place = event;
  for (const name of way.slice(0, -1)) {
    const inner = (place[name] ??= {});
    if (typeof inner !== 'object' || inner === null) throw new Error(`${reference}: ${name} is no object`);
    place = inner as Event;
  }
  place[way.at(-1)!] = value;
}

function remove(event: Event, reference: string): void {
  const way = wayOf(reference);
  const parent = way.length === 1 ? event : (get(event, `[${way.slice(0, -1).join('][')}]`) as Event | undefined);
  if (parent && typeof parent === 'object') delete parent[way.at(-1)!];
}

const FILTERS: Readonly<Record<string, (event: Event, settings: Hash) => void>> = {
  mutate(event, { copy = {}, rename = {}, remove_field: gone = [], ...others }) {
    refuse('mutate', others);
    for (const [from, to] of Object.entries(rename as Record<string, string>)) {
      const value = get(event, from);
      if (value === undefined) continue;
      remove(event, from);
      set(event, to, value);
    }
    for (const [from, to] of Object.entries(copy as Record<string, string>))
      if (get(event, from) !== undefined) set(event, to, structuredClone(get(event, from)));
    for (const field of gone as readonly string[]) remove(event, field);
  },
  dissect(event, { mapping, ...others }) {
    refuse('dissect', others);
    for (const [field, pattern] of Object.entries(mapping as Record<string, string>)) {
      const names: string[] = [];
      const source = pattern.replace(
        /%\{([^}]*)\}|([^%]+)/g,
        (_, name: string | undefined, text: string | undefined) => {
          if (text !== undefined) return text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
          names.push(name!);
          return '(.*?)';
        },
      );
      const found = new RegExp(`^${source}$`).exec(String(get(event, field)));
      found?.slice(1).forEach((value, index) => names[index] !== '' && set(event, names[index]!, value));
    }
  },
  json(event, { source, target, skip_on_invalid_json: skips, ...others }) {
    refuse('json', others);
    try {
      set(event, target as string, JSON.parse(get(event, source as string) as string));
    } catch (error) {
      if (skips !== true) throw error;
    }
  },
  date(event, { match, ...others }) {
    refuse('date', others);
    const [field, format] = match as [string, string];
    if (format !== 'ISO8601') throw new Error(`No format ${format}`);
    set(event, '@timestamp', new Date(String(get(event, field))).toISOString());
  },
};

function refuse(name: string, others: Hash): void {
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new Error(`${name} with ${unknown} is not known here`);
}

function play(event: Event, steps: readonly Step[]): void {
  for (const step of steps) {
    if ('when' in step) {
      if (get(event, step.when) !== undefined) play(event, step.steps);
    } else {
      const filter = FILTERS[step.name];
      if (!filter) throw new Error(`The filter ${step.name} is not known here`);
      filter(event, step.settings);
    }
  }
}

/** The filters of a pipeline file, as a function of an event. */
export function filtersOf(text: string): (event: Event) => Event {
  const steps = new Parser(text).sections().get('filter')!;
  return (event) => {
    const copy = structuredClone(event);
    play(copy, steps);
    return copy;
  };
}
