import { PROMISES, type PromiseName, type SituationResult } from './promise.ts';

/** The results of all situations. Printed as JSON, this is the output of `--json`. */
export interface Report {
  readonly contract: string;
  readonly against: string;
  /** No promise was broken, except where a proof was untrue that the contract states. */
  readonly ok: boolean;
  readonly tookMs: number;
  readonly promises: readonly PromiseReport[];
  readonly untrueProofs: readonly UntrueProof[];
  readonly situations: readonly SituationResult[];
}

interface PromiseReport {
  readonly promise: PromiseName;
  readonly meaning: string;
  /** Situations in which it held; was broken because of an untrue proof; was broken. */
  readonly holds: number;
  readonly promised: number;
  readonly broken: number;
}

/** An answer that the contract takes as proof, and what happens if the processor does otherwise. */
interface UntrueProof {
  readonly seen: string;
  readonly concluded: string;
  readonly truth: string;
  /** As the contract states it; null: it does not. */
  readonly proof: string | null;
  readonly broke: readonly PromiseName[];
  readonly situations: readonly string[];
}

export function reportOf(
  contract: string,
  against: string,
  situations: readonly SituationResult[],
  tookMs: number,
): Report {
  return {
    contract,
    against,
    ok: situations.every(({ verdict }) => verdict !== 'broken'),
    tookMs,
    promises: (Object.keys(PROMISES) as PromiseName[]).map((promise) => {
      const breaking = situations.filter(({ breaches }) => breaches.some((one) => one.promise === promise));
      const promised = breaking.filter(({ verdict }) => verdict === 'promised').length;
      const holds = situations.length - breaking.length;
      return { promise, meaning: PROMISES[promise], holds, promised, broken: breaking.length - promised };
    }),
    untrueProofs: untrueProofs(situations),
    situations,
  };
}

function untrueProofs(situations: readonly SituationResult[]): UntrueProof[] {
  const bySeen = new Map<string, UntrueProof>();
  for (const { breaches, wrongConclusions, name } of situations) {
    if (breaches.length === 0) continue;
    for (const { seen, concluded, truth, proof } of wrongConclusions) {
      const key = `${seen} ${concluded} ${truth}`;
      const known = bySeen.get(key);
      const broke = new Set([...(known?.broke ?? []), ...breaches.map(({ promise }) => promise)]);
      const names = new Set([...(known?.situations ?? []), name]);
      bySeen.set(key, { seen, concluded, truth, proof, broke: [...broke], situations: [...names] });
    }
  }
  return [...bySeen.values()];
}

/** The report for people. */
export function reportText(report: Report): string {
  const { contract, against, situations, promises, tookMs } = report;
  const seconds = (tookMs / 1000).toFixed(1);
  const lines = [
    `Contract ${contract} against ${against}: ${situations.length} situations in ${seconds} s.`,
    '',
    `${'promise'.padEnd(PROMISE_WIDTH)}${'holds'.padStart(8)}${'contract'.padStart(10)}${'broken'.padStart(8)}`,
    ...promises.map(({ promise, holds, promised, broken }) => {
      const counts = `${String(holds).padStart(8)}${String(promised).padStart(10)}${String(broken).padStart(8)}`;
      return `${promise.padEnd(PROMISE_WIDTH)}${counts}`;
    }),
    ...proofLines(report),
    ...brokenLines(situations),
    '',
    report.ok
      ? 'Every promise holds, as long as the processor does what its contract states.'
      : 'Promises were broken. Do not trust this integration with money.',
  ];
  return lines.join('\n');
}

const PROMISE_WIDTH = 30;

function proofLines({ untrueProofs: proofs }: Report): string[] {
  if (proofs.length === 0) return [];
  return [
    '',
    'What the contract itself cannot keep. It takes these answers as proof; if the processor does otherwise, promises break:',
    ...proofs.flatMap(({ seen, concluded, truth, proof, broke, situations }) => [
      `  ${seen}: the contract concludes "${concluded}", but ${truth}`,
      `    ${proof === null ? 'the contract does not state this proof' : `stated as: ${proof}`}`,
      `    breaks: ${broke.join(', ')}`,
      `    seen in: ${situations.join('; ')}`,
    ]),
  ];
}

function brokenLines(situations: readonly SituationResult[]): string[] {
  const broken = situations.filter(({ verdict }) => verdict === 'broken');
  if (broken.length === 0) return [];
  return [
    '',
    'Broken:',
    ...broken.flatMap(({ kind, name, breaches }) => [
      `  ${kind}: ${name}`,
      ...breaches.map(({ promise, detail, correlationId }) => {
        const payment = correlationId === '' ? '' : ` (${correlationId})`;
        return `    ${promise}: ${detail}${payment}`;
      }),
    ]),
  ];
}
