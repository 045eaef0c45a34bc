import { isUuid } from '#contracts/ids.ts';

/**
 * Events on the topic: the CloudEvents 1.0 Kafka binding in binary mode. Attributes are `ce_*` headers, the value is
 * the event's JSON data alone, the key is the order id. The adapters write and read it each in their own form.
 */

/** Why attributes that were read make no event of ours; undefined where they do. They come one by one because this is asked for every event. */
export function problemWith(
  id: string,
  subject: string,
  source: string,
  type: string,
  sequence: number,
): string | undefined {
  if (!isUuid(id)) return 'ce_id is not a UUID';
  if (!isUuid(subject)) return 'neither ce_subject nor the key is an order id';
  if (source === '' || type === '') return 'ce_source or ce_type is missing';
  if (!Number.isSafeInteger(sequence) || sequence < 1) return 'ce_sequence is not a positive integer';
  return undefined;
}
