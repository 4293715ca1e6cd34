// Caiman Pay, simulated: the other side of caiman.ts, for tests. `node caiman-twin.ts 8005` serves it.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

interface Charge {
  readonly reference: string;
  readonly amount: string;
  readonly issued: string;
  state: 'accepted' | 'captured' | 'refused';
}

/** Captures a charge `captureDelayMs` after it was accepted. Port 0: any that is free. */
export async function serveCaiman(port = 0, captureDelayMs = 20) {
  const charges = new Map<string, Charge>();
  const server = createServer((request, response) => void answer(request, response));
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://caiman');
    if (!/^\/api\/[a-z]+\/charges$/.test(pathname))
      return send(response, 404, '<error code="no-such-path"/>');
    if (request.method === 'GET') {
      const charge = charges.get(searchParams.get('reference') ?? '');
      if (charge === undefined) return send(response, 404, '<error code="no-such-charge"/>');
      return send(response, 200, xmlOf(charge));
    }
    const form = new URLSearchParams(await text(request));
    const [reference, amount, issued] = ['reference', 'amount', 'issued'].map((name) => form.get(name) ?? '');
    if (!reference || !amount || !issued) return send(response, 400, '<error code="incomplete"/>');
    if (charges.has(reference)) return send(response, 409, '<error code="reference-taken"/>');
    const charge: Charge = { reference, amount, issued, state: 'accepted' };
    charges.set(reference, charge);
    setTimeout(() => {
      charge.state = 'captured';
    }, captureDelayMs);
    response.setHeader('Location', `${pathname}/${charges.size}`);
    send(response, 201, xmlOf(charge));
  };
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** What was captured for this reference; null: nothing. */
    chargedCents(reference: string): number | null {
      const charge = charges.get(reference);
      return charge?.state === 'captured' ? Number(charge.amount.replace('.', '')) : null;
    },
    close(): void {
      server.close();
      server.closeAllConnections();
    },
  };
}

function send(response: ServerResponse, status: number, xml: string): void {
  response.writeHead(status, { 'Content-Type': 'application/xml', 'Content-Length': Buffer.byteLength(xml) });
  response.end(xml);
}

function xmlOf({ reference, amount, issued, state }: Charge): string {
  return `<charge reference="${reference}" amount="${amount}" issued="${issued}" state="${state}"/>`;
}

if (import.meta.filename === process.argv[1]) {
  const { url } = await serveCaiman(Number(process.argv[2] ?? 8005), 1000);
  console.log(`Caiman Pay listens on ${url}`);
}
