import { createTransport } from 'nodemailer';
import { countOf, type Finding, type ServiceCheck, spanOf } from '#platform/diagnosis.ts';
import { readSettings } from '#platform/runtime/settings.ts';
import { notificationsSettings } from './settings.ts';
import { failedMails, queuedMails } from './store.ts';

const DAY_MS = 86_400_000;
const SMTP_TIMEOUT_MS = 5_000;

/** What `olms doctor` looks at: mails that do not reach anybody, and the server that should take them. */
export const notificationsDiagnosis: readonly ServiceCheck[] = [
  {
    name: 'mails',
    meaning: 'mails are sent when they are due, and none was given up in the last day',
    async look({ database, nowMs, patienceMs }) {
      const { queued, lateSeconds } = await queuedMails(database, nowMs);
      const failed = await failedMails(database, nowMs - DAY_MS);
      const findings: Finding[] = [];
      if (lateSeconds * 1000 > patienceMs)
        findings.push({
          severity: 'error',
          what: `${countOf(queued, 'mail')} waiting to be sent`,
          detail: `The first has been due for ${spanOf(lateSeconds * 1000)}, and nobody has sent it.`,
          do: 'Start the notifications service (bin/olms start notifications) with its SMTP_URL.',
        });
      if (failed.count > 0)
        findings.push({
          severity: 'warning',
          what: `${countOf(failed.count, 'mail')} given up in the last day`,
          detail: `The mail server refused, last for order ${failed.orderId}: ${failed.detail}.`,
          do: `See bin/olms notifications ${failed.orderId}; put the address right (PATCH /orders/{id}). What was given up is not sent again.`,
        });
      return { seen: `${queued} queued`, findings };
    },
  },
  {
    name: 'mail-server',
    meaning: 'the mail server takes our mails',
    async ask(env) {
      const { smtpUrl } = readSettings(notificationsSettings, env);
      if (smtpUrl === '') return undefined;
      const limits = {
        connectionTimeout: SMTP_TIMEOUT_MS,
        greetingTimeout: SMTP_TIMEOUT_MS,
        socketTimeout: SMTP_TIMEOUT_MS,
      };
      const transport = createTransport({ url: smtpUrl, ...limits });
      try {
        await transport.verify();
        return { seen: 'takes mails', findings: [] };
      } catch (error) {
        const { code = 'unknown error', responseCode } = error as { code?: string; responseCode?: number };
        return {
          seen: 'takes no mails',
          findings: [
            {
              severity: 'error',
              what: 'the mail server does not take our mails',
              detail: `${[code, responseCode].filter(Boolean).join(' ')}. Mails wait and are tried again for about a day.`,
              do:
                code === 'EAUTH'
                  ? 'Put user and password in SMTP_URL right.'
                  : 'Bring the mail server back, or put host, port and kind of encryption in SMTP_URL right.',
            },
          ],
        };
      } finally {
        transport.close();
      }
    },
  },
];
