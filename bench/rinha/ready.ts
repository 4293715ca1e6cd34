import { type Clock, sleep } from '../../src/core/clock.ts';
import { Api } from './api.ts';

const POLL_MS = 100;
/** A load balancer asks its instances in turns: this many in a row, and every one of two has been asked. */
const ANSWERS_IN_A_ROW = 4;

/** Waits until `question` is answered as it should several times in a row; throws after `timeoutMs`, or when `alive` says no. */
export async function ready(url: string, question: Question, wait: Wait): Promise<void> {
  const { clock, timeoutMs, alive } = wait;
  const api = new Api(url, '');
  const untilMs = clock.monotonicMs() + timeoutMs;
  let last = 0;
  for (let inARow = 0; inARow < ANSWERS_IN_A_ROW; ) {
    if (clock.monotonicMs() > untilMs || !alive()) {
      api.close();
      throw new Error(`${url}${question.path} answers ${last || 'nothing'}`);
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

/** A payment that nobody made. The processors' health would be the question, had it not a limit of its own. */
export const PROCESSOR_READY: Question = {
  path: '/payments/00000000-0000-0000-0000-000000000000',
  status: 404,
};

export interface Wait {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly alive: () => boolean;
}
