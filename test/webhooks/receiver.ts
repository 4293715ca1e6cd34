import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { verifyWebhook } from '../../client/src/webhook.ts';

// An endpoint of webhooks: writes a line for each message that it takes, and answers then. It may be killed at any moment.
const [port, file = '', secret = ''] = process.argv.slice(2);

createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (text) => {
    body += text;
  });
  request.on('end', () => void take(body).then((status) => response.writeHead(status).end()));

  async function take(text: string): Promise<number> {
    try {
      const event = await verifyWebhook({ body: text, headers: request.headers }, secret);
      const payment = 'payment' in event.data ? event.data.payment.correlationId : '';
      appendFileSync(file, `${JSON.stringify({ id: event.id, type: event.type, payment })}\n`);
      return 204;
    } catch (error) {
      appendFileSync(file, `${JSON.stringify({ forged: String(error) })}\n`);
      return 400;
    }
  }
}).listen(Number(port), '127.0.0.1');
