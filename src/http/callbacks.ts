import { isUuid, UUID_BYTES, writeUuid } from '../core/uuid.ts';
import type { CallbackRing } from '../shared-memory/callback-ring.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';
import { problem } from './problem.ts';
import { refuse, route } from './route.ts';
import type { Exchange, WebApp } from './uws.ts';

/**
 * For each processor that makes callbacks, how its contract reads one: the id of the payment, or null. The composition
 * root hands them in, because an HTTP thread knows no processors.
 */
export type CallbackReaders = ReadonlyMap<string, (body: string) => string | null>;

export interface CallbackParts {
  readonly app: WebApp;
  readonly readers: CallbackReaders;
  /** The names of the processors, in their order. */
  readonly names: readonly string[];
  readonly ring: CallbackRing;
  readonly metrics: ThreadMetrics;
}

/** Processors send more with a callback than the gateway reads of it. */
const BODY_LIMIT_BYTES = 16_384;

/**
 * `POST /processors/{name}/callback`, for processors whose contract has callbacks. Anybody may send one, so it is not
 * believed: it makes the pool thread that has this payment in doubt there ask the processor at once. The answer is the
 * same whether the payment is known or not.
 */
export function serveCallbacks({ app, readers, names, ring, metrics }: CallbackParts): void {
  for (const [processor, name] of names.entries()) {
    const reader = readers.get(name);
    if (reader === undefined) continue;
    const id = new Uint8Array(UUID_BYTES);
    route(app, `/processors/${encodeURIComponent(name)}/callback`, 'POST', (exchange) =>
      exchange.readBody(BODY_LIMIT_BYTES, (body) => {
        const correlationId = body === null ? null : read(reader, body);
        if (correlationId === null) {
          refuseCallback(exchange, body === null);
          return;
        }
        writeUuid(correlationId, id, 0);
        ring.push(processor, id);
        metrics.countAt(processor, 'callbacks');
        exchange.end('202 Accepted', [], '');
      }),
    );
  }
}

/** A contract may be anybody's, so an error of its reader only means that it cannot read this. */
function read(reader: (body: string) => string | null, body: Uint8Array): string | null {
  try {
    const correlationId = reader(Buffer.from(body).toString('utf8'));
    return correlationId !== null && isUuid(correlationId) ? correlationId : null;
  } catch {
    return null;
  }
}

function refuseCallback(exchange: Exchange, isTooLarge: boolean): void {
  if (!isTooLarge) refuse(exchange, problem('callback-not-readable'));
  else {
    const detail = `The body exceeds the limit of ${BODY_LIMIT_BYTES} bytes.`;
    refuse(exchange, problem('body-too-large', { detail }), true);
  }
}
