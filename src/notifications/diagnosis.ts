import { createTransport } from 'nodemailer';
import { countOf, type Finding, type ServiceCheck, spanOf } from '#platform/diagnosis.ts';
import { CHANNEL_NAMES, type ChannelName } from './channels/port.ts';
import { smtpConnection } from './channels/smtp.ts';
import { failedMessages, queuedMessages } from './outgoing.ts';
import { readConfig } from './settings.ts';

const DAY_MS = 86_400_000;
const SMTP_TIMEOUT_MS = 5_000;
const NOUNS = { email: 'mail', sms: 'text message', push: 'push message' } as const satisfies Record<
  ChannelName,
  string
>;
const SETTINGS = {
  email: 'SMTP_URL',
  sms: 'TWILIO_ACCOUNT_SID',
  push: 'VAPID_PRIVATE_KEY',
} as const satisfies Record<ChannelName, string>;

/** What `olms doctor` looks at: mails that do not reach anybody, and the server that should take them. */
export const notificationsDiagnosis: readonly ServiceCheck[] = [
  {
    name: 'mails',
    meaning: 'messages are sent when they are due, and none was given up in the last day',
    async look({ database, nowMs, patienceMs }) {
      const findings: Finding[] = [];
      let waiting = 0;
      for (const channel of CHANNEL_NAMES) {
        const { queued, lateSeconds } = await queuedMessages(database, channel, nowMs);
        waiting += queued;
        if (lateSeconds * 1000 > patienceMs)
          findings.push({
            severity: 'error',
            what: `${countOf(queued, NOUNS[channel])} waiting to be sent`,
            detail: `The first has been due for ${spanOf(lateSeconds * 1000)}, and nobody has sent it.`,
            do: `Start the notifications service (bin/olms start notifications) with its ${SETTINGS[channel]}.`,
          });
        const failed = await failedMessages(database, channel, nowMs - DAY_MS);
        if (failed.count > 0)
          findings.push({
            severity: 'warning',
            what: `${countOf(failed.count, NOUNS[channel])} given up in the last day`,
            detail: `Refused, last for order ${failed.orderId}: ${failed.detail}.`,
            do: `See bin/olms notifications ${failed.orderId}; put the address right (PATCH /orders/{id}), then send it again (POST /notifications/{id}/resend).`,
          });
      }
      return { seen: `${waiting} queued`, findings };
    },
  },
  {
    name: 'mail-server',
    meaning: 'the mail server takes our mails',
    async ask(env) {
      const { smtp } = readConfig(env);
      if (!smtp) return undefined;
      const limits = {
        connectionTimeout: SMTP_TIMEOUT_MS,
        greetingTimeout: SMTP_TIMEOUT_MS,
        socketTimeout: SMTP_TIMEOUT_MS,
      };
      const transport = createTransport({ ...smtpConnection(smtp), ...limits });
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
