import { systemClock } from '../core/clock.ts';
import { SetupError } from '../core/setup-error.ts';
import { certify } from './certify.ts';
import { openConfigured, openTwinOf, serveShipped } from './opponent.ts';
import { reportOf, reportText } from './report.ts';
import { SITUATIONS } from './situations.ts';

export interface CertifyOptions {
  /** A shipped contract or the path of a module; ignored if `processor` is not empty. */
  readonly contract: string;
  /** Options of that contract. */
  readonly options: Readonly<Record<string, unknown>>;
  /** A processor of the configuration; empty: the contract's twin. */
  readonly processor: string;
  /** Only situations whose kind or name contains this. */
  readonly only: string;
  readonly json: boolean;
  /** How many times as long everything may take; null: as long as such a processor needs. */
  readonly pace: number | null;
}

export interface CertifyOutput {
  readonly print: (text: string) => void;
  readonly complain: (line: string) => void;
  /** Called after each situation. */
  readonly progress: (done: number, total: number) => void;
}

/** A network lies between, and a payment takes longer than on this machine. */
const REAL_PACE = 5;
/** The least that most processors charge. */
const REAL_AMOUNT_CENTS = 1;
const TWIN_AMOUNT_CENTS = 1990;

/** Resolves with whether every promise holds; null: nothing was run, and the reason has been said. */
export async function runCertify(
  options: CertifyOptions,
  environment: NodeJS.ProcessEnv,
  { print, complain, progress }: CertifyOutput,
): Promise<boolean | null> {
  const { contract: name, options: contractOptions, processor, only, json, pace } = options;
  const isReal = processor !== '';
  const situations = SITUATIONS.filter((one) => `${one.kind}: ${one.name}`.includes(only));
  if (situations.length === 0) {
    complain(`no situation contains '${only}'`);
    return null;
  }
  try {
    const opponent = isReal
      ? await openConfigured(processor, environment)
      : await openTwinOf(name, contractOptions);
    const other = await serveShipped('rinha');
    const startedAtMs = systemClock.monotonicMs();
    let doneCount = 0;
    const results = await certify({
      ...opponent,
      otherUrl: other.url,
      situations,
      clock: systemClock,
      slowness: pace ?? (isReal ? REAL_PACE : 1),
      // Different amounts, so that no sum is right by chance.
      amountCents: (number) => (isReal ? REAL_AMOUNT_CENTS : TWIN_AMOUNT_CENTS + number),
      onResult: () => progress(++doneCount, situations.length),
    });
    const tookMs = systemClock.monotonicMs() - startedAtMs;
    await Promise.all([opponent.close(), other.close()]);
    const report = reportOf(opponent.contract.name, opponent.description, results, tookMs);
    print(json ? JSON.stringify(report, null, 1) : reportText(report));
    return report.ok;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    complain(error.message);
    return null;
  }
}
