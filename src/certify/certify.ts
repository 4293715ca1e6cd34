import type { Clock } from '../core/clock.ts';
import type { Tls } from '../core/tls.ts';
import { HttpProcessor } from '../processor/client.ts';
import type { Contract } from '../processor/contract.ts';
import { rinha } from '../processor/contracts/rinha.ts';
import { propagationOnlyTracer } from '../tracing/open.ts';
import type { SituationResult } from './promise.ts';
import type { Situation, Times } from './situation.ts';
import { run, type TrialParts } from './trial.ts';
import { Upstream } from './upstream.ts';

export interface CertifyParts {
  readonly contract: Contract;
  /** The processor under test, and the other one, which speaks the contract of the contest and is well. */
  readonly url: string;
  readonly otherUrl: string;
  readonly tls?: Tls;
  readonly situations: readonly Situation[];
  readonly clock: Clock;
  /** How many times as long everything may take as with a simulated processor on this machine. */
  readonly slowness: number;
  readonly amountCents: (number: number) => number;
  readonly onResult?: (result: SituationResult) => void;
}

/** Situations that run at once. More make the machine too busy for their times. */
const AT_ONCE = 24;
const CONNECTION_COUNT = 32;

/** Runs every situation, and resolves with the results in their order. */
export async function certify(parts: CertifyParts): Promise<SituationResult[]> {
  const { contract, url, otherUrl, tls, situations, clock, slowness, amountCents, onResult } = parts;
  const client = { connectionCount: CONNECTION_COUNT, clock, tracer: propagationOnlyTracer };
  const certified = new HttpProcessor({ name: 'certified', url, contract, ...(tls && { tls }), ...client });
  const other = new HttpProcessor({ name: 'other', url: otherUrl, contract: rinha(''), ...client });
  const upstream = new Upstream(url, tls ?? {}, clock);
  const trial: TrialParts = {
    contract,
    upstream,
    pathPrefix: new URL(url).pathname.replace(/\/+$/, ''),
    processors: [certified, other],
    times: timesAt(slowness),
    clock,
    amountCents,
  };
  const results: SituationResult[] = [];
  const waiting = situations.entries();
  const runSome = async () => {
    for (const [index, situation] of waiting) {
      const result = await run(situation, trial);
      results[index] = result;
      onResult?.(result);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, runSome));
  upstream.close();
  await Promise.all([certified.close(), other.close()]);
  return results;
}

function timesAt(slowness: number): Times {
  return {
    timeoutMs: 400 * slowness,
    holdMs: 1300 * slowness,
    soonMs: 200 * slowness,
    lateMs: 650 * slowness,
    tooLateMs: 2200 * slowness,
    whileMs: 900 * slowness,
    faultMaxMs: 2600 * slowness,
  };
}
