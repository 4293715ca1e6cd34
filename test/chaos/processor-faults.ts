import type { TwinName } from '../../src/simulated/twin.ts';
import type { Random } from '../sim/random.ts';
import { pause } from '../system/until.ts';
import { type Drawn, FAULT_MAX_MS, FAULT_MIN_MS, type Kind, type Processors } from './fault.ts';

const SLEEP_MAX_MS = 800;
const HANG_MIN_MS = 1_600;
const HANG_MAX_MS = 2_500;
/** Contracts that promise nothing about errors. */
const CAREFUL: readonly TwinName[] = ['rest', 'rest-async'];
const RETRY_AFTER_MAX_S = 4;
/** How long a payment that was accepted first waits for its charge, in a fault and otherwise. */
const SLOW_CHARGE_MAX_MS = 5_000;
const CHARGE_MS = 1_000;

/** What any processor may do. */
export const PROCESSOR_KINDS: readonly Kind[] = [
  { name: 'processor: slow', draw: slow },
  { name: 'processor: 500', draw: failing },
  {
    name: 'processor: late',
    draw: (random, processors) => lying(random, processors, 'hang', 0.1, late(random)),
  },
  {
    name: 'processor: drop before',
    draw: (random, processors) => lying(random, processors, 'drop-before-commit', 0.3),
  },
  {
    name: 'processor: drop after',
    draw: (random, processors) => lying(random, processors, 'drop-after-commit', 0.3),
  },
  {
    name: 'processor: 500 after',
    draw: (random, processors) => lying(random, processors, '500-after-commit', 0.3),
  },
  { name: 'processor: 400', draw: (random, processors) => lying(random, processors, '400', 0.02) },
  { name: 'processor: 429', draw: (random, processors) => lying(random, processors, '429', 0.3) },
  { name: 'processor: 503', draw: (random, processors) => lying(random, processors, '503', 0.3) },
  { name: 'processor: garbage', draw: (random, processors) => lying(random, processors, 'garbage', 0.3) },
  { name: 'processor: half', draw: (random, processors) => lying(random, processors, 'half-response', 0.3) },
];

/** With contracts that promise less than the contest's. Those without `contracts` are allowed by every contract. */
export const CONTRACT_KINDS: readonly Kind[] = [
  ...['401', '403', '405'].map(
    (kind): Kind => ({
      name: `unfit: ${kind}`,
      draw: (random, processors) => lying(random, processors, kind, 1),
    }),
  ),
  ...['408', '409', '423', '425'].map(
    (kind): Kind => ({
      name: `unclear: ${kind}`,
      draw: (random, processors) => lying(random, processors, kind, 0.3, random.int(0, HANG_MAX_MS)),
    }),
  ),
  ...['429', '503', 'look-up-429'].map(
    (kind): Kind => ({
      name: `rest: ${kind}`,
      draw: (random, processors) => lying(random, processors, kind, 0.2, 0, random.int(1, RETRY_AFTER_MAX_S)),
    }),
  ),
  ...['500-before-commit', '503-before-commit'].map(
    (kind): Kind => ({
      name: `late charge: ${kind}`,
      contracts: CAREFUL,
      draw: (random, processors) => lying(random, processors, kind, 0.3, random.int(0, HANG_MAX_MS)),
    }),
  ),
  {
    name: 'refusal: 402',
    contracts: CAREFUL,
    draw: (random, processors) => lying(random, processors, '402', 0.05),
  },
  { name: 'refusal: declined', contracts: ['rest-async'], draw: declining },
];

function slow(random: Random, processors: Processors): Drawn {
  const { index, name } = random.pick(processors);
  const delayMs = random.int(50, SLEEP_MAX_MS);
  const forMs = random.int(FAULT_MIN_MS, FAULT_MAX_MS);
  return {
    targets: [`sleep ${index}`],
    text: `${name}, ${delayMs} ms, for ${forMs} ms`,
    async strike(lab) {
      await lab.processors[index]?.setDelay(delayMs);
      await pause(forMs);
      await lab.processors[index]?.setDelay(0);
    },
  };
}

function failing(random: Random, processors: Processors): Drawn {
  const { index, name } = random.pick(processors);
  const forMs = random.int(FAULT_MIN_MS, FAULT_MAX_MS);
  return {
    targets: [`failure ${index}`],
    text: `${name}, for ${forMs} ms`,
    async strike(lab) {
      await lab.processors[index]?.setFailing(true);
      await pause(forMs);
      await lab.processors[index]?.setFailing(false);
    },
  };
}

function late(random: Random): number {
  return random.int(HANG_MIN_MS, HANG_MAX_MS);
}

function lying(
  random: Random,
  processors: Processors,
  kind: string,
  rate: number,
  delayMs = 0,
  retryAfterS = 1,
): Drawn {
  const { index, name } = random.pick(processors);
  const forMs = random.int(FAULT_MIN_MS, FAULT_MAX_MS);
  const isLate = delayMs === 0 ? '' : `, after ${delayMs} ms`;
  return {
    targets: [`${kind} ${index}`],
    text: `${name}, ${rate * 100}% of calls${isLate}, for ${forMs} ms`,
    async strike(lab) {
      await lab.processors[index]?.setFault({ kind, rate, delayMs, retryAfterS });
      await pause(forMs);
      await lab.processors[index]?.setFault({ kind, count: 0 });
    },
  };
}

function declining(random: Random, processors: Processors): Drawn {
  const { index, name } = random.pick(processors);
  const forMs = random.int(FAULT_MIN_MS, FAULT_MAX_MS);
  const delayMs = random.int(0, SLOW_CHARGE_MAX_MS);
  return {
    targets: [`charging ${index}`],
    text: `${name}, after ${delayMs} ms, for ${forMs} ms`,
    async strike(lab) {
      await lab.processors[index]?.setDeclining(true, delayMs);
      await pause(forMs);
      await lab.processors[index]?.setDeclining(false, CHARGE_MS);
    },
  };
}
