import { FIELDS, type Permission, PERMISSIONS, type Role, ROLES } from '#contracts/permissions.ts';
import type { Json } from './json.ts';
import { generatedFrom, markdownTable } from './markdown.ts';

/** docs/api/permissions.md: what each role may, and what each operation needs. */

interface Operation {
  readonly operationId: string;
  readonly 'x-permission'?: string;
}

/** `METHOD /path` of the operations that need each permission, of the OpenAPI document. */
function operationsByPermission(document: Json): Map<string, string[]> {
  const { paths } = document as unknown as { paths: Record<string, Record<string, Operation>> };
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      permission: operation['x-permission'],
      text: `\`${method.toUpperCase()} ${path}\``,
    })),
  );
  const byPermission = new Map<string, string[]>();
  for (const { permission, text } of operations)
    if (permission !== undefined) byPermission.set(permission, [...(byPermission.get(permission) ?? []), text]);
  return byPermission;
}

/** The document, made of the table and of the OpenAPI document. */
export function permissionsDocument(document: Json): string {
  const permissions = Object.keys(PERMISSIONS) as Permission[];
  const roles = (Object.keys(ROLES) as Role[]).filter((role) => role !== 'service');
  const operations = operationsByPermission(document);
  const rights = permissions
    .filter((permission) => roles.some((role) => PERMISSIONS[permission].roles.has(role)))
    .map((permission) => [
      `\`${permission}\``,
      ...roles.map((role) => (PERMISSIONS[permission].roles.has(role) ? 'x' : '')),
    ]);
  const meanings = permissions.map((permission) => [
    `\`${permission}\``,
    PERMISSIONS[permission].meaning,
    (operations.get(permission) ?? []).join(', '),
  ]);
  return `${generatedFrom('src/contracts/permissions.ts')}
# Roles and permissions

Every operation needs one permission, and who lacks it is answered 403 \`FORBIDDEN\`. A field that not everybody may read is left out for who lacks its permission. [identity.md](../identity.md) says who gets which role, and how.

## Roles

${markdownTable(
  ['role', 'what for'],
  Object.entries(ROLES).map(([role, meaning]) => [`\`${role}\``, meaning]),
)}

## What each role may

${markdownTable(['permission', ...roles], rights)}

## What each permission allows

${markdownTable(['permission', 'allows', 'operations'], meanings)}

## Fields

By these names, wherever they stand in an answer or an event. Invoices and credit notes are documents, and shown as they were issued.

${markdownTable(
  ['field', 'needs', 'without it'],
  Object.entries(FIELDS).map(([name, { permission, instead }]) => [
    `\`${name}\``,
    `\`${permission}\``,
    { nothing: 'left out', text: '`withheld`', empty: 'empty' }[instead],
  ]),
)}
`;
}
