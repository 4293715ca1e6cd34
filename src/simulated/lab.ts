import { timingSafeEqual } from 'node:crypto';
import type { Address } from '../core/address.ts';
import { Exchange, type Headers } from '../http/exchange.ts';
import { createApp, type HttpRequest, type HttpResponse, listen } from '../http/uws.ts';
import { readFault } from './fault.ts';
import type { LabState } from './lab-state.ts';
import type { Load } from './load.ts';
import type { SimulatedProcessor } from './processor.ts';
import { readObject } from './request.ts';

export interface LabParts {
  readonly processors: ReadonlyMap<string, SimulatedProcessor>;
  readonly load: Load;
  readonly token: string;
  /** Origins of the pages that may use it. */
  readonly origins: readonly string[];
}

export type LabServed =
  | { readonly kind: 'serving'; readonly port: number; close(): void }
  | { readonly kind: 'failed'; readonly reason: string };

const HOST = '127.0.0.1';
const BODY_LIMIT_BYTES = 1024;
const DELAY_LIMIT_MS = 10_000;
const RATE_LIMIT_PER_S = 1000;
const SECONDS_LIMIT = 120;

/**
 * Lets the dashboard break the simulated processors of `npm start`, and send load, over a loopback port of its own:
 *
 *     GET /                       the current state
 *     PUT /processors/<name>      {"delayMs", "failing", "dropping"}
 *     PUT /load                   {"ratePerS", "seconds"}
 *
 * Each answers a `LabState`. Pages of other sites cannot use it: they do not know the token, may not send it (CORS allows
 * only the gateway's own origins), and cannot use DNS rebinding (`Host` is checked).
 */
export async function serveLab(parts: LabParts): Promise<LabServed> {
  const app = createApp();
  const handle = (change: (body: Readonly<Record<string, unknown>>, name: string) => boolean) => {
    return (response: HttpResponse, request: HttpRequest) => {
      const headers = corsOf(request, parts.origins);
      const exchange = new Exchange(response);
      const name = request.getParameter(0) ?? '';
      if (!mayUse(request, parts)) return exchange.end('403 Forbidden', headers, '', true);
      exchange.readBody(BODY_LIMIT_BYTES, (body) => {
        const members = body === null ? null : readObject(body);
        const isChanged = members !== null && change(members, name);
        exchange.end(isChanged ? '200 OK' : '400 Bad Request', headers, isChanged ? stateJson(parts) : '');
      });
    };
  };
  app.get('/', (response, request) => {
    const headers = corsOf(request, parts.origins);
    const exchange = new Exchange(response);
    if (mayUse(request, parts)) exchange.end('200 OK', headers, stateJson(parts));
    else exchange.end('403 Forbidden', headers, '');
  });
  app.put(
    '/processors/:name',
    handle((body, name) => configure(parts.processors.get(name), body)),
  );
  app.put(
    '/load',
    handle((body) => send(parts.load, body)),
  );
  // CORS preflight.
  app.options('/*', (response, request) =>
    new Exchange(response).end('204 No Content', corsOf(request, parts.origins), null),
  );
  app.any('/*', (response) => new Exchange(response).end('404 Not Found', [], ''));
  const address: Address = { kind: 'tcp', host: HOST, port: 0 };
  const listened = await listen(app, address);
  if (listened.kind === 'failed') return listened;
  const { listener } = listened;
  const close = () => {
    listener.close();
    app.close();
  };
  return { kind: 'serving', port: listener.address.kind === 'tcp' ? listener.address.port : 0, close };
}

function corsOf(request: HttpRequest, origins: readonly string[]): Headers {
  const origin = request.getHeader('origin');
  const common: Headers = [
    ['Content-Type', 'application/json'],
    ['Cache-Control', 'no-store'],
    ['Vary', 'Origin'],
  ];
  if (!origins.includes(origin)) return common;
  return [
    ...common,
    ['Access-Control-Allow-Origin', origin],
    ['Access-Control-Allow-Methods', 'GET, PUT'],
    ['Access-Control-Allow-Headers', 'authorization, content-type'],
  ];
}

function mayUse(request: HttpRequest, { token, origins }: LabParts): boolean {
  const origin = request.getHeader('origin');
  const shown = Buffer.from(request.getHeader('authorization'));
  const wanted = Buffer.from(`Bearer ${token}`);
  return (
    (origin === '' || origins.includes(origin)) &&
    request.getHeader('host').startsWith(`${HOST}:`) &&
    shown.byteLength === wanted.byteLength &&
    timingSafeEqual(shown, wanted)
  );
}

/** False: the body is invalid, and nothing has changed. */
function configure(
  processor: SimulatedProcessor | undefined,
  { delayMs, failing, dropping }: Readonly<Record<string, unknown>>,
): boolean {
  if (processor === undefined || !isWhole(delayMs, DELAY_LIMIT_MS)) return false;
  if (typeof failing !== 'boolean' || typeof dropping !== 'boolean') return false;
  processor.configureDelay(delayMs);
  processor.configureFailure(failing);
  processor.configureFault('none');
  const fault = dropping ? readFault({ kind: 'drop-after-commit' }) : null;
  if (fault !== null) processor.configureFault(fault);
  return true;
}

function send(load: Load, { ratePerS, seconds }: Readonly<Record<string, unknown>>): boolean {
  if (!isWhole(ratePerS, RATE_LIMIT_PER_S) || !isWhole(seconds, SECONDS_LIMIT)) return false;
  load.start(ratePerS, seconds);
  return true;
}

function isWhole(value: unknown, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max;
}

function stateJson({ processors, load }: LabParts): string {
  const state: LabState = {
    processors: Array.from(processors, ([name, processor]) => {
      const { delayMs, failing, faults } = processor.condition();
      const dropping = faults.includes('drop-after-commit');
      return { name, delayMs, failing, dropping };
    }),
    load: load.figures,
  };
  return JSON.stringify(state);
}
