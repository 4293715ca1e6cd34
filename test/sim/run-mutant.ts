import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { MutantReport, MutantTask } from './mutant-worker.ts';
import type { Mutant } from './mutants.ts';

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

/** Whether a test fails with this bug. */
export async function failsTest({ name }: Mutant, test: string): Promise<boolean> {
  const [root, hook] = ['../..', './mutant-in-test.ts'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const flags = ['--disable-warning=ExperimentalWarning', `--import=${hook}`];
  const uvu = ['node_modules/uvu/bin.js', 'test', `^${test}\\.test\\.ts$`];
  const child = spawn(process.execPath, [...flags, ...uvu], {
    cwd: root,
    env: { ...process.env, MUTANT: name },
    stdio: 'ignore',
    timeout: MUTANT_TIMEOUT_MS,
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code !== 0;
}
