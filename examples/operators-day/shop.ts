// An endpoint of webhooks: verifies each message, prints what it says, and answers 204 once it has noted it.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { text } from 'node:stream/consumers';
// In a project of yours: from '@dinossauro/client'.
import { verifyWebhook, WebhookError } from '../../client/src/index.ts';

const PORT = 8443;
const secret = process.env['SHOP_WEBHOOK_SECRET'] ?? '';
const certificate = {
  key: readFileSync('certificate/shop.key'),
  cert: readFileSync('certificate/shop.crt'),
};
/** A shop of yours keeps them in its database. */
const noted = new Set<string>();

createServer(certificate, async (request, response) => {
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
}).listen(PORT, () => console.log(`the shop listens on ${PORT}`));
