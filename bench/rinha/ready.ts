import { type Clock, sleep } from '../../src/clock.ts';
import { Api } from './api.ts';

const POLL_MS = 100;
/** A load balancer asks its instances in turns: this many in a row, and every one of two has been asked. */
const ANSWERS_IN_A_ROW = 4;

/** Waits until `path` is answered 200 several times in a row; throws after `timeoutMs`, or when `alive` says no. */
export async function ready(url: string, path: string, wait: Wait): Promise<void> {
  const { clock, timeoutMs, alive } = wait;
  const api = new Api(url, '');
  const untilMs = clock.monotonicMs() + timeoutMs;
  let last = 0;
  for (let inARow = 0; inARow < ANSWERS_IN_A_ROW; ) {
    if (clock.monotonicMs() > untilMs || !alive()) {
      api.close();
      throw new Error(`${url}${path} answers ${last || 'nothing'}`);
    }
    last = (await api.call('GET', path)).status;
    inARow = last === 200 ? inARow + 1 : 0;
    if (inARow === 0) await sleep(clock, POLL_MS);
  }
  api.close();
}

export interface Wait {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly alive: () => boolean;
}
