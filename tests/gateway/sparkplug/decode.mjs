// Decodes Sparkplug B payloads: one in hexadecimal a line in, one JSON object a line out.
import { createInterface } from 'node:readline';
import sparkplug from 'sparkplug-payload';

const payload = sparkplug.get('spBv1.0');
const plain = (_, value) =>
  typeof value === 'bigint' || (value !== null && typeof value === 'object' && 'low' in value)
    ? Number(value.toString())
    : value;

for await (const line of createInterface({ input: process.stdin })) {
  const bytes = Uint8Array.from(Buffer.from(line.trim(), 'hex'));
  process.stdout.write(`${JSON.stringify(payload.decodePayload(bytes), plain)}\n`);
}
