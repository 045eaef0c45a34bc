interface ListOne {
  readonly published: string;
  readonly byDecimals: Readonly<Record<string, readonly string[]>>;
}
export function readListOne(xml: string): ListOne;
export function listFile(list: ListOne): string;
