import { describe, expect, test } from 'vitest';
import {
  can,
  isScope,
  type Permission,
  PERMISSIONS,
  permissionsOf,
  RIGHTS,
  type Role,
  ROLES,
  rolesWith,
} from './permissions.ts';

const ALL = Object.keys(PERMISSIONS) as Permission[];

describe('a role', () => {
  test.each([
    ['reader', 'client'],
    ['client', 'operator'],
    ['operator', 'admin'],
    ['admin', 'service'],
  ] as const)('%s may nothing that %s may not', (lesser, greater) => {
    expect([...RIGHTS[lesser]].filter((permission) => !can({ role: greater }, permission))).toEqual([]);
    expect(RIGHTS[greater].size).toBeGreaterThan(RIGHTS[lesser].size);
  });

  test('of a customer reads no notes, no payments, no stock, and changes nothing but own orders', () => {
    expect(permissionsOf({ role: 'customer' })).toEqual([
      'me:read',
      'orders:read',
      'orders:place',
      'orders:cancel',
      'events:read',
      'returns:request',
      'products:read',
      'payments:refresh',
      'shipments:read',
      'slips:read',
      'push:subscribe',
      'invoices:read',
      'personal-data:read',
    ]);
  });

  test.each(Object.keys(ROLES) as Role[])('%s may see who it is', (role) => {
    expect(can({ role }, 'me:read')).toBe(true);
  });

  test('nobody outside has what services have among themselves', () => {
    expect(rolesWith('services:call')).toEqual([]);
    expect(rolesWith('payment-tokens:read')).toEqual([]);
  });
});

describe('scopes', () => {
  test('allow what they name, and what their roles may, and no more', () => {
    const entitled = { role: 'scoped', scopes: ['orders:cancel', 'warehouse'] } as const;
    const allowed = new Set<Permission>(['orders:cancel', ...RIGHTS.warehouse]);
    expect(permissionsOf(entitled)).toEqual(ALL.filter((permission) => allowed.has(permission)));
    expect(permissionsOf({ role: 'scoped', scopes: [] })).toEqual(['me:read']);
    expect(permissionsOf({ role: 'scoped' })).toEqual(['me:read']);
  });

  test('beside a role add nothing to it', () => {
    expect(can({ role: 'reader', scopes: ['orders:cancel'] }, 'orders:cancel')).toBe(false);
  });

  test('are names of the table that may be given to somebody', () => {
    expect(['reader', 'orders:read', 'keys:manage'].every(isScope)).toBe(true);
    expect(
      [
        'customer',
        'service',
        'services:call',
        'payment-tokens:read',
        'root',
        'orders',
        'constructor',
        '__proto__',
        '',
      ].filter(isScope),
    ).toEqual([]);
  });
});

test('nobody who was not asked may anything', () => {
  expect(permissionsOf({ role: 'anonymous' })).toEqual([]);
  expect(permissionsOf({ role: 'constructor' as never })).toEqual([]);
});
