import type { ProcessorTarget } from '../config/processor-target.ts';
import { isUuid, UUID_BYTES, writeUuid } from '../core/uuid.ts';
import type { CallbackRing } from '../shared-memory/callback-ring.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';
import type { Exchange } from './exchange.ts';
import { problem } from './problem.ts';
import { refuse, route } from './route.ts';
import type { WebApp } from './uws.ts';

/** Reads a callback: the id of the payment, or null. */
export type CallbackReader = (body: string) => string | null;

/** What an HTTP thread needs of contracts. The composition root hands it in, because an HTTP thread knows no processors. */
export interface Contracts {
  /** How the contracts of configured processors read a callback, by processor. Those without callbacks are left out. */
  readonly readers: ReadonlyMap<string, CallbackReader>;
  /** Opens the contract of another processor; null: it has no callbacks. Rejects with a `SetupError`. */
  open(target: ProcessorTarget): Promise<CallbackReader | null>;
}

export const NO_CONTRACTS: Contracts = { readers: new Map(), open: async () => null };

/** The processors of this instance, in the order of the shared state. They may grow. */
interface KnownNames {
  readonly targets: readonly Pick<ProcessorTarget, 'name'>[];
  readonly readers: ReadonlyMap<string, CallbackReader>;
}

export interface CallbackParts {
  readonly app: WebApp;
  readonly processors: KnownNames;
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
export function serveCallbacks({ app, processors, ring, metrics }: CallbackParts): void {
  const id = new Uint8Array(UUID_BYTES);
  route(app, '/processors/:name/callback', 'POST', (exchange, request) => {
    const name = request.getParameter(0) ?? '';
    const processor = processors.targets.findIndex((target) => target.name === name);
    const reader = processors.readers.get(name);
    if (processor === -1 || reader === undefined) {
      refuse(exchange, problem('no-such-route'));
      return;
    }
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
    });
  });
}

/** A contract may be anybody's, so an error of its reader only means that it cannot read this. */
function read(reader: CallbackReader, body: Uint8Array): string | null {
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
