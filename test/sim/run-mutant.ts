import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { MutantReport, MutantTask } from './mutant-worker.ts';

const MUTANT_TIMEOUT_MS = 600_000;

/** Searches for a seed that breaks a promise with this bug. Null if the run did not finish in time. */
export async function runMutant(task: MutantTask): Promise<MutantReport | null> {
  const worker = new Worker(new URL('./mutant-worker.ts', import.meta.url), { workerData: task });
  const timer = setTimeout(() => void worker.terminate(), MUTANT_TIMEOUT_MS);
  const ended = once(worker, 'exit').then(() => null);
  const reported = once(worker, 'message').then(([report]: MutantReport[]) => report ?? null);
  const report = await Promise.race([reported, ended]);
  clearTimeout(timer);
  await worker.terminate();
  return report;
}
