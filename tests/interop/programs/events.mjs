// Events of orders by the official JavaScript SDK: each is a valid CloudEvent, and the same as an HTTP message.
import { readFileSync } from 'node:fs';
import { CloudEvent, HTTP } from 'cloudevents';

const events = JSON.parse(readFileSync(process.argv[2], 'utf8'));
for (const given of events) {
  const event = new CloudEvent(given, true);
  if (!event.validate()) throw new Error(`refused: ${JSON.stringify(given)}`);
  const read = HTTP.toEvent(HTTP.binary(event));
  if (read.dataschema !== given.dataschema || read.sequence !== given.sequence) throw new Error(`changed: ${given.id}`);
}
console.log(`${events.length} events`);
