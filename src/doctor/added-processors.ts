import { type Config, readAddedProcessor } from '../config/config.ts';
import type { ProcessorTarget } from '../config/processor-target.ts';
import type { Clock } from '../core/clock.ts';
import type { Environment } from '../core/environment.ts';
import {
  addedBeyond,
  latestControls,
  NO_CONTROLS,
  type ProcessorControls,
} from '../ledger/processor-controls.ts';
import { askLmdb, askShards, type RedisTarget } from './ask-ledger.ts';
import { type Finding, fail } from './finding.ts';
import { checkContract } from './processors.ts';

export interface AddedProcessors {
  /** Those that gateways with this environment can use. */
  readonly targets: readonly ProcessorTarget[];
  readonly findings: readonly Finding[];
}

/**
 * The processors that operators have added to the deployment of this ledger, and why a gateway here could not use some of
 * them. Other checks report books that cannot be read.
 */
export async function addedProcessors(
  { ledger, processors: configured }: Config,
  environment: Environment,
  clock: Clock,
): Promise<AddedProcessors> {
  const controls = await controlsIn(ledger, clock).catch(() => NO_CONTROLS);
  const targets: ProcessorTarget[] = [];
  const findings: Finding[] = [];
  for (const { name, definition, isRemoved } of addedBeyond(configured, controls)) {
    if (isRemoved) continue;
    const reading = readAddedProcessor(definition, environment);
    const problems =
      reading.kind === 'wrong'
        ? reading.problems
        : (await checkContract(reading.processor)).map(({ seen }) => seen);
    if (reading.kind === 'ok' && problems.length === 0) targets.push(reading.processor);
    for (const problem of problems)
      findings.push(
        fail('processor', `${name}, which operators have added, cannot be used: ${problem}`, REMEDY),
      );
  }
  return { targets, findings };
}

const REMEDY = 'see docs/processors.md, "Add and remove a processor"';

async function controlsIn(ledger: Config['ledger'], clock: Clock): Promise<ProcessorControls> {
  if (ledger.kind === 'redis') return inRedis(ledger, clock);
  return askLmdb(ledger.path, clock, NO_CONTROLS, async (books) => {
    const reply = await books.processorControls();
    return reply.kind === 'ok' ? reply.value : NO_CONTROLS;
  });
}

async function inRedis(ledger: RedisTarget, clock: Clock): Promise<ProcessorControls> {
  const { controlsIn } = await import('../ledger/redis/stranded.ts');
  return latestControls(await askShards(ledger, clock, controlsIn));
}
