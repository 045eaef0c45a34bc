import type { Settings } from '#platform/runtime/settings.ts';

export const notificationsSettings = {
  smtpUrl: {
    type: 'secret',
    env: 'SMTP_URL',
    default: '',
    meaning:
      'Mail server, e.g. smtps://user:password@mail.example.com; empty: mails stay in the mailbox that GET /notifications shows',
  },
  mailFrom: {
    type: 'string',
    env: 'MAIL_FROM',
    default: 'OLMS <orders@localhost>',
    meaning: 'Sender of mails to customers',
  },
} as const satisfies Settings;
