// An endpoint of webhooks: verifies each message, prints what it says, and answers 204 once it has noted it.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
// In a project of yours: from '@dinossauro/client'.
import { verifyWebhook, WebhookError } from '../../client/src/index.ts';

const PORT = 8080;
const secret = readFileSync(process.env['SHOP_WEBHOOK_SECRET_FILE'] ?? '', 'utf8').trim();
/** A shop of yours keeps them in its database. */
const noted = new Set<string>();

createServer(async (request, response) => {
  try {
    const event = await verifyWebhook({ body: await text(request), headers: request.headers }, secret);
    const isNew = !noted.has(event.id);
    noted.add(event.id);
    const about = 'payment' in event.data ? event.data.payment.correlationId : event.data.processor;
    console.log(`${event.id} ${event.type} ${about}${isNew ? '' : ' (again: nothing to do)'}`);
    response.writeHead(204).end();
  } catch (error) {
    if (!(error instanceof WebhookError)) throw error;
    console.log(`refused: ${error.message}`);
    response.writeHead(400).end();
  }
}).listen(PORT, '127.0.0.1', () => console.log(`the shop listens on ${PORT}`));
