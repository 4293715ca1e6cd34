import type { Contract, ContractPayment, ContractResponse, Proof } from '../processor/contract.ts';
import type { Answer } from './answer-bytes.ts';
import type { Exchange } from './exchange.ts';
import type { ObservedCall } from './observed-contract.ts';
import type { WrongConclusion } from './promise.ts';

interface Evidence {
  readonly contract: Contract;
  readonly payment: ContractPayment;
  /** Those about this payment, in their order. */
  readonly exchanges: readonly Exchange[];
  readonly calls: readonly ObservedCall[];
  readonly holdMs: number;
  /** The processor would have taken the payment, had it got it. */
  readonly wasTakeable: boolean;
}

/** A call is written some time after it has begun. */
const ROUNDING_MS = 20;

/**
 * Where the contract concluded something from what the gateway saw that the processor's own answers contradict. A promise
 * that breaks in spite of right conclusions is the gateway's fault; one that breaks because of these is the contract's.
 */
export function wrongConclusions({
  contract,
  payment,
  exchanges,
  calls,
  holdMs,
  wasTakeable,
}: Evidence): WrongConclusion[] {
  const { correlationId } = payment;
  const wrong = new Map<string, WrongConclusion>();
  const add = (
    means: Proof['means'],
    seen: string,
    truth: string,
    proof = statedBy(contract, means, seen),
  ) => {
    wrong.set(`${seen} ${means}`, { correlationId, seen, concluded: means, truth, proof });
  };
  const taken: Exchange[] = [];
  for (const exchange of exchanges) {
    const call = calls[exchange.call];
    const outcome = call?.outcome ?? null;
    const seen = call === undefined ? '' : `HTTP ${call.status}`;
    if (exchange.kind === 'pay') {
      const took = tookIt(contract, exchange.truth, payment);
      if (took) taken.push(exchange);
      if (outcome === null) continue;
      const { kind } = outcome;
      if (took && (kind === 'refused' || kind === 'unfit')) add('not committed', seen, 'it was charged');
      if (took && kind === 'rejected') add('rejected', seen, 'it was charged');
      if (!took && kind === 'committed') add('committed', seen, 'it was not charged');
      if (!took && kind === 'rejected' && wasTakeable) add('rejected', seen, 'the processor takes it');
      continue;
    }
    const isHeld = taken.length > 0;
    if (outcome?.kind === 'held' && !isHeld) add('committed', `${seen} to the look-up`, 'it was not charged');
    if (outcome?.kind === 'rejected' && isHeld) add('rejected', `${seen} to the look-up`, 'it was charged');
    if (outcome?.kind !== 'absent') continue;
    // Whether it was charged before or after this answer: it has been said that nothing more will come.
    const failed = exchanges.find((one) => calls[one.call]?.outcome?.kind === 'failed');
    if (failed !== undefined && chargedBy(failed))
      add(
        'not committed',
        `HTTP ${calls[failed.call]?.status}, then ${seen} to the look-up`,
        'it was charged',
      );
    const askedAtMs = call?.writtenAtMs ?? 0;
    const held = exchanges.find((one) => {
      const calledAtMs = calls[one.call]?.writtenAtMs ?? Infinity;
      return askedAtMs >= calledAtMs + holdMs - ROUNDING_MS && chargedBy(one);
    });
    if (held !== undefined)
      add('not committed', `${seen} to the look-up after the hold`, 'it was charged', 'IN_DOUBT_HOLD_MS');
  }
  return [...wrong.values()];

  function chargedBy(exchange: Exchange): boolean {
    return exchange.kind === 'pay' && tookIt(contract, exchange.truth, payment);
  }
}

/** Whether the processor itself said that it took the payment. */
function tookIt(contract: Contract, truth: Answer | null, payment: ContractPayment): boolean {
  if (truth === null) return false;
  const { kind } = contract.readPay(responseOf(truth), payment);
  return kind === 'committed' || kind === 'pending';
}

function responseOf({ status, headers, body }: Answer): ContractResponse {
  return {
    status,
    isComplete: true,
    retryAfterMs: null,
    reason: `HTTP ${status}`,
    header: (name) => headers[name] ?? '',
    text: () => body,
  };
}

/** The stated proof that names every status in `seen`, itself or as `4xx`; null: none. */
function statedBy(contract: Contract, means: Proof['means'], seen: string): string | null {
  const statuses = seen.match(/\d{3}/g) ?? [];
  const proof = contract.proofs.find(
    (one) =>
      one.means === means &&
      statuses.every((status) => one.seen.includes(status) || one.seen.includes(`${status[0]}xx`)),
  );
  return proof?.seen ?? null;
}
