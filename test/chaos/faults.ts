import type { Random } from '../sim/random.ts';
import { pause, until } from '../system/until.ts';
import { CLUSTER_KINDS } from './cluster-faults.ts';
import { type Drawn, FAULT_MAX_MS, FAULT_MIN_MS, type Fault, type Kind, type Processors } from './fault.ts';
import { instanceName, type Lab, type LedgerKind } from './lab.ts';
import type { Link, LinkFault } from './link.ts';
import { CONTRACT_KINDS, PROCESSOR_KINDS } from './processor-faults.ts';
import type { LabProcessor } from './processors.ts';

/*
 * How long a call may continue after its caller has given up: the instance is suspended while sending (2,000 ms), the
 * link is slow (400 ms), the processor sleeps (800 ms) and then hangs (2,500 ms). The sum is below `IN_DOUBT_HOLD_MS`.
 */
const STOP_MAX_MS = 2_000;
const ROAD_DELAY_MAX_MS = 400;
const BACK_MAX_MS = 4_000;
const REDIS_BACK_MAX_MS = 2_500;
const DISK_MAX_MS = 3_000;
const DEATH_SEEN_MS = 10_000;

const KINDS: readonly Kind[] = [
  { name: 'kill instance', draw: killInstance },
  { name: 'kill instance', draw: killInstance },
  { name: 'kill instance', draw: killInstance },
  { name: 'kill all instances', draw: killAll },
  { name: 'stop instance', draw: stopInstance },
  { name: 'rolling restart', draw: restartAll },
  { name: 'crash pool thread', draw: crashThread },
  { name: 'kill Redis', ledger: 'redis', draw: killRedis },
  { name: 'kill Redis', ledger: 'redis', draw: killRedis },
  { name: 'stop Redis', ledger: 'redis', draw: stopRedis },
  { name: 'reload nginx', draw: reloadNginx },
  { name: 'full disk', needsDisk: true, draw: fillDisk },
  { name: 'link: delay', draw: (random, processors) => link(random, processors, delay(random)) },
  {
    name: 'link: reset',
    draw: (random, processors) => link(random, processors, { kind: 'reset', rate: 0.1 }),
  },
  { name: 'link: cut', draw: (random, processors) => link(random, processors, { kind: 'cut', rate: 0.2 }) },
  { name: 'link: away', draw: (random, processors) => link(random, processors, { kind: 'away' }) },
  { name: 'Redis link: delay', ledger: 'redis', draw: (random) => ledgerLink(random, delay(random)) },
  {
    name: 'Redis link: reset',
    ledger: 'redis',
    draw: (random) => ledgerLink(random, { kind: 'reset', rate: 0.05 }),
  },
  {
    name: 'Redis link: cut',
    ledger: 'redis',
    draw: (random) => ledgerLink(random, { kind: 'cut', rate: 0.05 }),
  },
];

/** Draws faults of all kinds equally often: no kind repeats before every kind was drawn. */
export class Deck {
  readonly #random: Random;
  readonly #kinds: readonly Kind[];
  readonly #processors: readonly LabProcessor[];
  readonly #instanceCount: number;
  #left: Kind[] = [];

  /** Draws only kinds whose names contain one of `only`; empty: all. */
  constructor(
    ledger: LedgerKind,
    hasDisks: boolean,
    only: readonly string[],
    random: Random,
    processors: readonly LabProcessor[],
    instanceCount: number,
  ) {
    this.#random = random;
    this.#processors = processors;
    this.#instanceCount = instanceCount;
    const isContest = processors.every(({ contract }) => contract === 'rinha');
    const kinds = [...KINDS, ...CLUSTER_KINDS, ...PROCESSOR_KINDS, ...(isContest ? [] : CONTRACT_KINDS)];
    this.#kinds = kinds.filter(
      (kind) =>
        (kind.ledger ?? ledger) === ledger &&
        (hasDisks || kind.needsDisk !== true) &&
        (only.length === 0 || only.some((text) => kind.name.includes(text))),
    );
    if (this.#kinds.length === 0) throw new Error(`no fault name contains '${only.join("' or '")}'`);
  }

  draw(): Fault {
    if (this.#left.length === 0) this.#left = [...this.#kinds];
    const [kind] = this.#left.splice(this.#random.int(0, this.#left.length - 1), 1);
    if (kind === undefined) throw new Error('no kind of fault is left');
    return { name: kind.name, ...kind.draw(this.#random, this.#allowedBy(kind), this.#instanceCount) };
  }

  #allowedBy({ name, contracts }: Kind): Processors {
    const [first, ...others] = this.#processors
      .map((processor, index) => ({ ...processor, index }))
      .filter(({ contract }) => contracts?.includes(contract) ?? true);
    if (first === undefined) throw new Error(`no processor may have the fault '${name}'`);
    return [first, ...others];
  }
}

function killInstance(random: Random, _processors: Processors, instanceCount: number): Drawn {
  const index = random.int(0, instanceCount - 1);
  const backMs = random.int(0, BACK_MAX_MS);
  return {
    targets: [instanceName(index)],
    text: `${instanceName(index)}, back after ${backMs} ms`,
    async strike({ gateways }) {
      await gateways[index]?.kill();
      await pause(backMs);
      await gateways[index]?.start();
    },
  };
}

function killAll(random: Random, _processors: Processors, instanceCount: number): Drawn {
  const backMs = Array.from({ length: instanceCount }, () => random.int(0, BACK_MAX_MS));
  return {
    targets: allOf(instanceCount),
    text: `back after ${backMs.join(', ')} ms`,
    async strike({ gateways }) {
      await Promise.all(gateways.map((gateway) => gateway.kill()));
      await Promise.all(
        gateways.map(async (gateway, index) => {
          await pause(backMs[index] ?? 0);
          await gateway.start();
        }),
      );
    },
  };
}

/** As a deployment is updated: one instance after another, each ready before the next. */
function restartAll(_random: Random, _processors: Processors, instanceCount: number): Drawn {
  return {
    targets: allOf(instanceCount),
    text: 'one after the other',
    async strike({ gateways }) {
      for (const gateway of gateways) {
        await gateway.end();
        await gateway.start();
      }
    },
  };
}

function stopInstance(random: Random, _processors: Processors, instanceCount: number): Drawn {
  const index = random.int(0, instanceCount - 1);
  const forMs = random.int(100, STOP_MAX_MS);
  return {
    targets: [instanceName(index)],
    text: `${instanceName(index)}, for ${forMs} ms`,
    async strike({ gateways }) {
      gateways[index]?.child.send('SIGSTOP');
      await pause(forMs);
      gateways[index]?.child.send('SIGCONT');
    },
  };
}

function crashThread(random: Random, _processors: Processors, instanceCount: number): Drawn {
  const index = random.int(0, instanceCount - 1);
  return {
    targets: [instanceName(index)],
    text: instanceName(index),
    async strike({ gateways }) {
      const gateway = gateways[index];
      if (gateway === undefined) return;
      // Only the last output is kept, so deaths cannot be counted.
      const lastDeath = () =>
        gateway.output.split('\n').findLast((line) => line.includes('pool thread died'));
      const before = lastDeath();
      gateway.child.send('SIGUSR2');
      await until('the log shows the death of a pool thread', DEATH_SEEN_MS, () => {
        const last = lastDeath();
        return last !== undefined && last !== before;
      });
    },
  };
}

function killRedis(random: Random): Drawn {
  const backMs = random.int(0, REDIS_BACK_MAX_MS);
  return {
    targets: ['Redis'],
    text: `back after ${backMs} ms`,
    async strike({ redis }) {
      await redis.kill();
      await pause(backMs);
      await redis.start();
    },
  };
}

function stopRedis(random: Random): Drawn {
  const forMs = random.int(100, STOP_MAX_MS);
  return {
    targets: ['Redis'],
    text: `for ${forMs} ms`,
    async strike({ redis }) {
      redis.signal('SIGSTOP');
      await pause(forMs);
      redis.signal('SIGCONT');
    },
  };
}

function reloadNginx(): Drawn {
  return { targets: ['nginx'], text: '', strike: async (lab) => lab.reloadNginx() };
}

function fillDisk(random: Random, _processors: Processors, instanceCount: number): Drawn {
  const index = random.int(0, instanceCount - 1);
  const forMs = random.int(500, DISK_MAX_MS);
  return {
    targets: [`disk ${index}`],
    text: `of ${instanceName(index)}'s journal, for ${forMs} ms`,
    async strike({ disks }) {
      disks?.[index]?.fill();
      await pause(forMs);
      disks?.[index]?.makeRoom();
    },
  };
}

function delay(random: Random): LinkFault {
  return { kind: 'delay', delayMs: random.int(20, ROAD_DELAY_MAX_MS / 2) };
}

function link(random: Random, processors: Processors, fault: LinkFault): Drawn {
  const { index, name } = random.pick(processors);
  return faultOf(random, `link ${index}`, `to ${name}`, fault, (lab) => lab.links[index]);
}

function ledgerLink(random: Random, fault: LinkFault): Drawn {
  return faultOf(random, 'ledger link', 'to Redis', fault, (lab) => lab.ledgerLink);
}

function faultOf(
  random: Random,
  target: string,
  where: string,
  fault: LinkFault,
  linkOf: (lab: Lab) => Link | null | undefined,
): Drawn {
  const forMs = random.int(FAULT_MIN_MS, FAULT_MAX_MS);
  return {
    targets: [target],
    text: `${where}, ${JSON.stringify(fault)}, for ${forMs} ms`,
    async strike(lab) {
      const link = linkOf(lab);
      await link?.setFault(fault);
      await pause(forMs);
      await link?.setFault({ kind: 'none' });
    },
  };
}

function allOf(instanceCount: number): string[] {
  return Array.from({ length: instanceCount }, (_, index) => instanceName(index));
}
