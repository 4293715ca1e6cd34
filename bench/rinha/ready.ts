import { type Clock, sleep } from '../../src/core/clock.ts';
import { Api } from './api.ts';

const POLL_MS = 100;
/** A load balancer alternates between instances: after this many answers, both of two have been asked. */
const ANSWERS_IN_A_ROW = 4;

/** Waits for the expected answer several times in a row. Throws after `timeoutMs`, or when `alive` returns false. */
export async function ready(url: string, question: Question, wait: Wait): Promise<void> {
  const { clock, timeoutMs, alive } = wait;
  const api = new Api(url, '');
  const untilMs = clock.monotonicMs() + timeoutMs;
  let last = 0;
  for (let inARow = 0; inARow < ANSWERS_IN_A_ROW; ) {
    if (clock.monotonicMs() > untilMs || !alive()) {
      api.close();
      throw new Error(`${url}${question.path}: expected ${question.status}, got ${last || 'no answer'}`);
    }
    last = (await api.call('GET', question.path)).status;
    inARow = last === question.status ? inARow + 1 : 0;
    if (inARow === 0) await sleep(clock, POLL_MS);
  }
  api.close();
}

export interface Question {
  readonly path: string;
  readonly status: number;
}

export const GATEWAY_READY: Question = { path: '/readyz', status: 200 };

/** The only route that all entries of the contest can be asked without harm. */
export const PEER_READY: Question = { path: '/payments-summary', status: 200 };

/** A payment that does not exist. The health endpoint of the processors is rate-limited, so it is not used. */
export const PROCESSOR_READY: Question = {
  path: '/payments/00000000-0000-0000-0000-000000000000',
  status: 404,
};

export interface Wait {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly alive: () => boolean;
}
