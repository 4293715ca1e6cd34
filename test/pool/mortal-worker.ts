import type { PoolThreadEnd } from '../../src/pool/pool.ts';

/** The task of a thread in the test's pool. */
export interface MortalTask {
  readonly thread: number;
  /** How its first lives end, in order. The one after them ends normally when told to stop. */
  readonly deaths: readonly ('error' | 'exit' | 'rejection' | 'setup')[];
  /** One Int32 per thread, which counts its lives, and one more: 1 means stop. */
  readonly lives: SharedArrayBuffer;
}

export default async function live({ thread, deaths, lives }: MortalTask): Promise<PoolThreadEnd> {
  const words = new Int32Array(lives);
  const death = deaths[Atomics.add(words, thread, 1)];
  if (death === 'rejection') throw new Error('a task that fails');
  if (death === 'setup') return { kind: 'misconfigured', reason: 'processor `one`: no' };
  if (death === 'exit') setImmediate(() => process.exit(3));
  if (death === 'error') {
    setImmediate(() => {
      throw new Error('an uncaught error');
    });
  }
  while (death !== undefined || Atomics.load(words, words.length - 1) === 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { kind: 'done' };
}
