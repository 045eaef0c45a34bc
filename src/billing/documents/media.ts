/** Which representation of a document a caller wants, by `Accept` (RFC 9110). */

export const MEDIA = ['application/json', 'application/pdf', 'application/xml'] as const;
export type Media = (typeof MEDIA)[number];

export interface Wanted {
  readonly media: Media;
  /** Of XML: `application/xml;profile=ubl` is UBL 2.1, without it CII. */
  readonly profile: 'cii' | 'ubl';
}

interface Range {
  readonly type: string;
  readonly quality: number;
  readonly profile: string | undefined;
}

/** The first of the ranges that the caller prefers; undefined where it takes none. None named at all: JSON. */
export function wantedBy(accept: string | undefined): Wanted | undefined {
  if (accept === undefined || accept.trim() === '') return { media: 'application/json', profile: 'cii' };
  const ranges = accept
    .split(',')
    .map(rangeOf)
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality);
  for (const { type, profile } of ranges) {
    const media = MEDIA.find(
      (one) => type === one || type === '*/*' || (type === 'application/*' && one.startsWith('application/')),
    );
    if (media && (profile === undefined || profile === 'cii' || profile === 'ubl'))
      return { media, profile: profile ?? 'cii' };
  }
  return undefined;
}

function rangeOf(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim());
  const named = new Map(
    parameters.map((parameter): [string, string] => {
      const [name = '', value = ''] = parameter.split('=');
      return [
        name.trim().toLowerCase(),
        value
          .trim()
          .replace(/^"(.*)"$/, '$1')
          .toLowerCase(),
      ];
    }),
  );
  const quality = Number(named.get('q') ?? '1');
  return { type: type.toLowerCase(), quality: Number.isFinite(quality) ? quality : 0, profile: named.get('profile') };
}
