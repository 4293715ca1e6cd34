import type { ProcessorTarget } from '../config/processor-target.ts';
import type { Environment } from '../core/environment.ts';
import { isSetupError } from '../core/setup-error.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { addedBeyond } from '../ledger/processor-controls.ts';
import { openContractOf } from '../processor/open-contract.ts';

/**
 * The processors that operators have added to the deployment of these books, as far as this process can open them. Of the
 * others, an audit only has what the books say, as of processors that are not configured.
 */
export async function addedProcessors(
  ledger: Pick<Ledger, 'processorControls'>,
  configured: readonly ProcessorTarget[],
  environment: Environment,
): Promise<readonly ProcessorTarget[]> {
  const controls = await ledger.processorControls();
  if (controls.kind === 'unavailable') return [];
  const targets: ProcessorTarget[] = [];
  for (const { definition } of addedBeyond(configured, controls.value)) {
    const { readAddedProcessor } = await import('../config/config.ts');
    const reading = readAddedProcessor(definition, environment);
    if (reading.kind === 'ok' && (await isUsable(reading.processor))) targets.push(reading.processor);
  }
  return targets;
}

async function isUsable(target: ProcessorTarget): Promise<boolean> {
  try {
    await openContractOf(target);
    return true;
  } catch (error) {
    if (isSetupError(error)) return false;
    throw error;
  }
}
