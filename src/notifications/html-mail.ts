import { isNotified, TEMPLATES, type Tone } from './templates.ts';

/**
 * The HTML form of a notification, made of its subject and plain text and of nothing else: what is stored is
 * what was written. Everything is escaped. Layout by tables and inline styles, because mail programs know
 * little more; no image and no link, so that nothing is fetched and nobody is tracked.
 */

const COLOURS: Readonly<Record<Tone, string>> = {
  good: '#14694a',
  neutral: '#3b4a5c',
  attention: '#8a5a00',
  bad: '#9b2c2c',
};
const FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const FACT = /^([^:\n]{1,140}): (.+)$/;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

export interface HtmlMail {
  readonly eventType: string;
  readonly subject: string;
  readonly body: string;
}

export function htmlMail({ eventType, subject, body }: HtmlMail): string {
  const colour = COLOURS[isNotified(eventType) ? TEMPLATES[eventType].tone : 'neutral'];
  const title = escapeHtml(subject);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light">
<title>${title}</title>
</head>
<body style="margin:0;padding:0;background:#f3f4f6;color:#1f2933;${FONT}">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="background:#f3f4f6">
<tr><td align="center" style="padding:24px 12px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="max-width:560px;background:#ffffff;border:1px solid #e1e5ea;border-radius:10px;overflow:hidden">
<tr><td style="background:${colour};padding:24px 28px"><h1 style="margin:0;font-size:20px;line-height:28px;font-weight:600;color:#ffffff;${FONT}">${title}</h1></td></tr>
<tr><td style="padding:20px 28px 24px;font-size:16px;line-height:25px;${FONT}">
${body.split('\n\n').map(block).join('\n')}
</td></tr>
<tr><td style="padding:14px 28px;background:#f8fafb;border-top:1px solid #e1e5ea;font-size:13px;line-height:19px;color:#52606d;${FONT}">You receive this message because of your order. It was written automatically.</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
`;
}

/** A block whose lines all read "Label: value" becomes a table of facts, any other a paragraph. */
function block(text: string): string {
  const lines = text.split('\n');
  const facts = lines.map((line) => FACT.exec(line));
  if (facts.some((fact) => fact === null))
    return `<p style="margin:0 0 16px">${lines.map(escapeHtml).join('<br>')}</p>`;
  const rows = facts.map(
    (fact) =>
      `<tr><th scope="row" align="left" valign="top" style="padding:8px 16px 8px 0;border-top:1px solid #e1e5ea;font-weight:400;color:#52606d">${escapeHtml(fact![1]!)}</th>` +
      `<td align="right" valign="top" style="padding:8px 0;border-top:1px solid #e1e5ea;font-weight:600;word-break:break-word">${escapeHtml(fact![2]!)}</td></tr>`,
  );
  return `<table width="100%" cellpadding="0" cellspacing="0" border="0" style="border-collapse:collapse;font-size:15px;line-height:22px">\n${rows.join('\n')}\n</table>`;
}
