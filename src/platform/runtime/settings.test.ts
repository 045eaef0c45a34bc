import { describe, expect, test } from 'vitest';
import { domainOf, isProduction, readSettings, type Settings, unknownVariables } from './settings.ts';

const settings = {
  port: { type: 'integer', env: 'PORT', default: 8080, max: 65_535, meaning: '' },
  workers: { type: 'integer', env: 'WORKERS', default: 4, min: 1, meaning: '' },
  level: { type: 'choice', env: 'LOG_LEVEL', default: 'info', choices: ['debug', 'info'], meaning: '' },
  quick: { type: 'boolean', env: 'QUICK', default: false, meaning: '' },
  delay: { type: 'milliseconds-or-off', env: 'DELAY_MS', default: 100, meaning: '' },
  name: { type: 'string', env: 'NAME', default: '', meaning: '' },
} as const satisfies Settings;

test('without variables, and with empty ones, the defaults count', () => {
  const defaults = { port: 8080, workers: 4, level: 'info', quick: false, delay: 100, name: '' };
  expect(readSettings(settings, {})).toEqual(defaults);
  expect(readSettings(settings, { PORT: '', LOG_LEVEL: '' })).toEqual(defaults);
});

test('values have the type of their setting, bounds included', () => {
  const env = { PORT: '65535', WORKERS: '1', LOG_LEVEL: 'debug', QUICK: '1', DELAY_MS: 'off', NAME: 'x' };
  expect(readSettings(settings, env)).toEqual({
    port: 65_535,
    workers: 1,
    level: 'debug',
    quick: true,
    delay: undefined,
    name: 'x',
  });
});

describe('a value that a variable does not take is refused, with what it does take:', () => {
  test.each([
    ['PORT', '65536', 'PORT must be an integer from 0 to 65535, not "65536"'],
    ['PORT', '-1', 'PORT must be an integer from 0 to 65535, not "-1"'],
    ['PORT', '80 80', 'PORT must be an integer from 0 to 65535, not "80 80"'],
    ['PORT', '1e3', 'PORT must be an integer from 0 to 65535, not "1e3"'],
    ['WORKERS', '0', 'WORKERS must be an integer from 1, not "0"'],
    ['LOG_LEVEL', 'verbose', 'LOG_LEVEL must be one of debug, info, not "verbose"'],
    ['QUICK', 'yes', 'QUICK must be true or false, not "yes"'],
    ['DELAY_MS', '1s', 'DELAY_MS must be a number of milliseconds, or off, not "1s"'],
  ])('%s=%s', (name, value, message) => {
    expect(() => readSettings(settings, { [name]: value })).toThrow(message);
  });
  test('all of them at once', () => {
    expect(() => readSettings(settings, { PORT: 'x', QUICK: 'x' })).toThrow(/^Configuration: PORT .*; QUICK /);
  });
});

test('what a setting takes is said in words', () => {
  expect(domainOf(settings.workers)).toBe('an integer from 1');
  expect(domainOf(settings.name)).toBe('a text');
});

test('production is a word of its own: what is nearly that is refused, and starts nothing', () => {
  expect(isProduction({ OLMS_ENV: 'production' })).toBe(true);
  expect(isProduction({ OLMS_ENV: 'test' })).toBe(false);
  expect(isProduction({})).toBe(false);
  for (const near of ['prod', 'Production', 'production '])
    expect(() => isProduction({ OLMS_ENV: near })).toThrow(
      'Configuration: OLMS_ENV must be one of development, test, production, not',
    );
});

describe('variables that nothing reads', () => {
  const known = ['OLMS_DATA', 'OLMS_ENV', 'KAFKA_BROKERS', 'REDIS_URL', 'ORDERS_URL', 'PORT'];
  const named = (...names: string[]): object[] =>
    unknownVariables(Object.fromEntries(names.map((name) => [name, 'x'])), known);

  test('are named where they begin like ours, with the nearest known one', () => {
    expect(named('OLMS_DATEN', 'OLMS_ENV')).toEqual([{ name: 'OLMS_DATEN', nearest: 'OLMS_DATA' }]);
    expect(named('OLMS_SOMETHING_ELSE')).toEqual([expect.objectContaining({ name: 'OLMS_SOMETHING_ELSE' })]);
  });
  test('are named where they are a known one misspelt', () => {
    expect(named('KAFKA_BROKER')).toEqual([{ name: 'KAFKA_BROKER', nearest: 'KAFKA_BROKERS' }]);
  });
  test('are left alone where they belong to somebody else', () => {
    expect(named('KAFKA_HOME', 'REDIS_PORT', 'ORDERS_SERVICE_HOST', 'PATH', 'HOME')).toEqual([]);
  });
  test('are left alone where they are empty', () => {
    expect(unknownVariables({ OLMS_DATEN: '' }, known)).toEqual([]);
  });
});
