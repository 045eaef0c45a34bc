import { ORDER_EVENTS } from '#contracts/order-events.ts';
import { previews } from '#notifications/preview.ts';
import { readConfig } from '#notifications/settings.ts';
import { NOTIFIED_TYPES, TEMPLATES } from '#notifications/templates.ts';
import { LANGUAGES } from '#contracts/languages.ts';
import { generatedFrom, markdownTable } from './markdown.ts';

/** docs/notifications.md: which event speaks to whom by which channel, and how the channels are set up. */
export function notificationsDocument(): string {
  const pages = previews(readConfig({})).filter(({ language }) => language === 'en');
  const rows = NOTIFIED_TYPES.flatMap((type) => {
    const { to, by } = TEMPLATES[type];
    return pages
      .filter(({ eventType }) => eventType === type)
      .map(({ name, subject }) => [
        `\`${type}\``,
        to,
        by.join(', '),
        `\`${name.split('/')[1]}\``,
        subject,
        ORDER_EVENTS[type].meaning,
      ]);
  });
  return `${generatedFrom('src/notifications/templates.ts')}
# Messages to customers

An event speaks to the customer by every channel that the table names, that the contact of the order has something for, and that the settings carry ([configuration.md](configuration.md)). What no settings carry stays in the mailbox: \`GET /notifications\` shows it, and nobody gets it.

${markdownTable(['event', 'to', 'by', 'template', 'subject', 'what happened'], rows)}

## Words

A template is a text file in \`src/notifications/templates/<language>\`: ${LANGUAGES.join(', ')}. The language is that of the order's \`locale\`, else \`NOTIFICATIONS_LANGUAGE\`. \`bin/olms notifications preview --out <dir>\` writes all of them as pages and texts, with the name, logo and contact of the shop as the settings have them.

Reasons, holds and names of colleagues never get into a message. What is meant for the customer is a field of its own, \`customerMessage\`, of \`POST /orders/{id}/cancel\`, \`/cancellations\`, \`/refunds\`, \`/claims\` and \`POST /reviews/{id}/reject\`.

## Channels

| channel | by | set up by | recognized when it comes twice |
| --- | --- | --- | --- |
| email | SMTP, with STARTTLS or TLS, DKIM | \`SMTP_URL\`, \`MAIL_FROM\`, \`SMTP_STARTTLS\`, \`DKIM_…\` | by its Message-ID |
| sms | Twilio | \`TWILIO_…\`, \`SMS_COUNTRY_CODE\` | Twilio is asked for it before it is sent again |
| push | Web Push (RFC 8030, 8291, 8292) | \`VAPID_PRIVATE_KEY\`, \`VAPID_SUBJECT\`, \`PUSH_SERVICES\` | by its topic at the push service, its tag in the browser |

A message that is refused for now is tried eight times in eight hours; one that is refused for good is \`failed\`, with the code. While a channel is away, one message at a time tries whether it is back, and none is given up within a day. What Twilio reports later is kept: \`deliveredAt\`, or \`failed\`. A browser that is gone is forgotten.

A key for Web Push: \`node -e "const k = require('node:crypto').createECDH('prime256v1'); k.generateKeys(); console.log(k.getPrivateKey('base64url'))"\`. Browsers subscribe with what \`GET /push-subscriptions/key\` answers, and are registered by \`POST /push-subscriptions\`; messages are in the form of declarative Web Push, which a service worker reads as JSON where a browser does not know it.

\`POST /notifications/{id}/resend\` sends a message once more, to where the contact of the order says now.
`;
}
