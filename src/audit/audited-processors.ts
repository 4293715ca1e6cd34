import type { ProcessorTarget } from '../config/processor-target.ts';
import type { Clock } from '../core/clock.ts';
import { HttpProcessor } from '../processor/client.ts';
import { openContractOf } from '../processor/open-contract.ts';
import { propagationOnlyTracer } from '../tracing/open.ts';
import type { AuditedProcessor } from './inquiry.ts';

/** The processors of a deployment, each with a connection for an audit. Rejects if a contract cannot be opened. */
export async function openAuditedProcessors(
  targets: readonly ProcessorTarget[],
  clock: Clock,
): Promise<AuditedProcessor[]> {
  const contracts = await Promise.all(targets.map(openContractOf));
  return targets.flatMap((target, index): AuditedProcessor[] => {
    const contract = contracts[index];
    if (contract === undefined) return [];
    const parts = { ...target, contract, connectionCount: 1, clock, tracer: propagationOnlyTracer };
    const { name, timeoutMs, adminToken } = target;
    const token = adminToken === '' ? undefined : adminToken;
    return [{ name, books: new HttpProcessor(parts), timeoutMs, token }];
  });
}
