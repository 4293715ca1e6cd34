// Posts one payment and waits for its outcome: node post-and-wait.ts AMOUNT. GATEWAY_URL says where the gateway is.

import { randomUUID } from 'node:crypto';
// In a project of yours: from '@dinossauro/client'.
import { Client } from '../client/src/index.ts';

const client = new Client({ url: process.env['GATEWAY_URL'] ?? 'http://127.0.0.1:9999' });

const [, whole, fraction = ''] = /^(\d+)(?:\.(\d{1,2}))?$/.exec(process.argv[2] ?? '19.90') ?? [];
if (whole === undefined) throw new Error(`${process.argv[2]} is not an amount such as 19.90`);
// The client takes whole cents, because a number of JavaScript is no exact decimal.
const amountCents = Number(whole + fraction.padEnd(2, '0'));

const correlationId = randomUUID();
await client.post({ correlationId, amountCents });
console.log(`${correlationId} accepted`);
const payment = await client.waitFor(correlationId);
console.log(
  `${correlationId} ${payment.status} ${payment.status === 'settled' ? payment.processor : payment.reason}`,
);
