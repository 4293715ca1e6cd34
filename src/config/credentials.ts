import { isDeepStrictEqual } from 'node:util';
import type { Environment } from '../core/environment.ts';
import type { Config } from './config.ts';
import type { ProcessorTarget } from './processor-target.ts';

export type CredentialsChange =
  | { readonly kind: 'ok'; readonly processors: readonly ProcessorTarget[] }
  | { readonly kind: 'refused'; readonly problem: string };

/** The processors as an instance has started with them, with the credentials that their files have now, if they can be read. */
export async function withCurrentCredentials(
  { processors, processorFiles, callsMax }: Pick<Config, 'processors' | 'processorFiles' | 'callsMax'>,
  environment: Environment,
): Promise<readonly ProcessorTarget[]> {
  if (processorFiles.length === 0) return processors;
  // Threads that have nothing to read do not load it.
  const { readProcessors } = await import('./config.ts');
  const reading = readProcessors(environment);
  if (reading.kind === 'wrong') return processors;
  const change = withCredentialsOf(processors, reading.processors, callsMax);
  return change.kind === 'ok' ? change.processors : processors;
}

/**
 * The processors of a running instance with the credentials of a later reading: `Authorization`, administrator token, and
 * what TLS trusts and presents. Whatever else differs is refused, because it takes a restart. `callsMax` is the most
 * calls in flight to a processor that the file descriptors of the instance allow.
 */
export function withCredentialsOf(
  running: readonly ProcessorTarget[],
  read: readonly ProcessorTarget[],
  callsMax: number,
): CredentialsChange {
  const names = running.map(({ name }) => name).join(', ');
  const namesRead = read.map(({ name }) => name).join(', ');
  if (names !== namesRead)
    return refused(`the processors are ${namesRead} now, and were ${names} when this gateway started`);
  const changed = running.flatMap((target, index) => changedMembers(target, read[index], callsMax));
  if (changed.length > 0) return refused(`${changed.join(', ')} differs from what this gateway started with`);
  return {
    kind: 'ok',
    processors: running.map((target, index) => ({ ...target, ...credentialsOf(target, read[index]) })),
  };
}

/** A processor that operators have added, for those who need not know its secrets. */
export function withoutSecrets(definition: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { credentials: _, adminToken: __, ...others } = definition;
  return others;
}

/** Whether both are the same processor, perhaps with other credentials. */
export function isSameProcessor(one: ProcessorTarget, other: ProcessorTarget, callsMax: number): boolean {
  return changedMembers(one, other, callsMax).length === 0;
}

function refused(what: string): CredentialsChange {
  return {
    kind: 'refused',
    problem: `${what}: only credentials change without a restart. Undo the change, or restart this gateway`,
  };
}

function credentialsOf(target: ProcessorTarget, read: ProcessorTarget = target): Partial<ProcessorTarget> {
  const { url, tls, adminToken, contract } = read;
  return {
    url,
    ...(tls !== undefined && { tls }),
    adminToken,
    contract: { ...target.contract, authorization: contract.authorization },
  };
}

/** What differs besides credentials, under the names of the processors file. */
function changedMembers(
  target: ProcessorTarget,
  read: ProcessorTarget = target,
  callsMax: number,
): readonly string[] {
  const [was, is] = [membersOf(target, callsMax), membersOf(read, callsMax)];
  return Object.entries(was)
    .filter(([member, value]) => !isDeepStrictEqual(value, is[member]))
    .map(([member]) => `\`${member}\` of ${target.name}`);
}

function membersOf(target: ProcessorTarget, callsMax: number): Readonly<Record<string, unknown>> {
  const { contract, feePpm, feeFixedCents, minAmountCents, maxAmountCents, callsPerSecond } = target;
  return {
    url: withoutCredentials(target.url),
    contract: contract.name,
    options: contract.options,
    fee: [feePpm, feeFixedCents],
    limits: [Math.min(target.callLimit, callsMax), callsPerSecond, minAmountCents, maxAmountCents],
    timeouts: [target.timeoutMs, target.healthTimeoutMs],
    inDoubtHoldMs: target.inDoubtHoldMs,
    breaker: target.breaker,
  };
}

function withoutCredentials(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
