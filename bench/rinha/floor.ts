import { parseAddress } from '../../src/core/address.ts';
import { createApp, listen } from '../../src/http/uws.ts';

/**
 * The floor: an instance that only answers. A deployment of it costs what nginx, the sockets and the limits cost;
 * reports give latency and CPU time as a ratio to that. `LISTEN` works as in the gateway.
 */
const EMPTY_SUMMARY =
  '{"default":{"totalRequests":0,"totalAmount":0},"fallback":{"totalRequests":0,"totalAmount":0}}';

const app = createApp();
app.post('/payments', (response) => {
  response.cork(() => response.writeStatus('202 Accepted').end());
});
app.get('/payments-summary', (response) => {
  response.cork(() => response.writeHeader('Content-Type', 'application/json').end(EMPTY_SUMMARY));
});
app.any('/*', (response) => {
  response.cork(() => response.end());
});

const address = parseAddress(process.env['LISTEN'] ?? '127.0.0.1:9999');
if (address === null) throw new Error('LISTEN is invalid: expected `host:port` or `unix:/path`');
const listened = await listen(app, address);
if (listened.kind === 'failed') throw new Error(listened.reason);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    listened.listener.close();
    app.close();
  });
}
