import type { ProcessorTarget } from '../config/processor-target.ts';

/** Reads the body of a callback: the payment that it is about, or null. */
export type CallbackReader = (body: string) => string | null;

/** Shipped contracts without callbacks: a thread that reads only callbacks does not load them. */
const WITHOUT_CALLBACKS: ReadonlySet<string> = new Set(['rinha']);

/** The readers of the contracts that have callbacks, by the name of their processor. Rejects with a `SetupError`. */
export async function openCallbackReaders(
  targets: readonly ProcessorTarget[],
): Promise<ReadonlyMap<string, CallbackReader>> {
  const readers = new Map<string, CallbackReader>();
  for (const target of targets) {
    if (WITHOUT_CALLBACKS.has(target.contract.name)) continue;
    const reader = await openCallbackReader(target);
    if (reader !== null) readers.set(target.name, reader);
  }
  return readers;
}

/** Opens the contract of a processor; null: it has no callbacks. Rejects with a `SetupError`. */
export async function openCallbackReader(target: ProcessorTarget): Promise<CallbackReader | null> {
  const { openContractOf } = await import('./open-contract.ts');
  const opened = await openContractOf(target);
  return opened.readCallback === undefined ? null : (body) => opened.readCallback?.(body) ?? null;
}
