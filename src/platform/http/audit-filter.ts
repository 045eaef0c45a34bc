import { type Static, Type } from 'typebox';
import { AUDIT_ACTIONS } from '#platform/log/audit-log.ts';
import { Id, pageParameters, strict, Text, TimeText, UntilText } from './schemas.ts';

/** What audit entries are asked for by. */

export const subject = Text(400, {
  minLength: 1,
  description: 'Id of an order, name of an API key, location or consumer, SKU, or id of a run or notification',
});
export const action = Type.String({ enum: [...AUDIT_ACTIONS] });
/** Which entries a list shows, or a file has. */
export const auditParameters = {
  orderId: Type.Optional(Id),
  subject: Type.Optional(subject),
  actor: Type.Optional(Text(400, { minLength: 1, description: 'Who did it, as entries name them' })),
  action: Type.Optional(action),
  from: Type.Optional(TimeText),
  to: Type.Optional(UntilText),
};
export const AuditQuery = Type.Object({ ...auditParameters, ...pageParameters }, strict);
export type AuditFilter = Static<typeof AuditQuery>;
