import type { LedgerTarget } from '../config/config.ts';
import { readConfig } from '../config/config.ts';
import { demoEnvironment } from '../config/demo.ts';
import type { Clock } from '../core/clock.ts';
import { failed, type Outcome } from '../core/outcome.ts';
import { isSetupError } from '../core/setup-error.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { hasDataFile } from '../ledger/lmdb/data-file.ts';
import { enterLedger, openLedger } from '../ledger/open.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Settings that a Redis beside this ledger may need, and that LMDB refuses. */
const REDIS_SETTINGS_UNSET = {
  LEDGER_SHARDS: '',
  LEDGER_REPLICAS: '',
  LEDGER_ALLOW_UNCONFIRMED: '',
  LEDGER_CA_FILE: '',
  LEDGER_CERT_FILE: '',
  LEDGER_KEY_FILE: '',
};

/**
 * The ledger of this URL, or of LEDGER_URL; the other settings of the ledger come from the environment. It writes no events:
 * to copy a payment from other books is not to settle it.
 */
export function targetOf(environment: Environment, url: string | undefined): Outcome<LedgerTarget> {
  const ofRedis = url?.startsWith('lmdb:') === true ? REDIS_SETTINGS_UNSET : {};
  const settings = demoEnvironment(
    url === undefined ? environment : { ...environment, ...ofRedis, LEDGER_URL: url },
  );
  const reading = readConfig(settings);
  if (reading.kind === 'wrong') return failed(...reading.problems);
  const { outbox: _, ...target } = reading.config.ledger;
  return { kind: 'ok', value: target };
}

/** A ledger that a command has opened for itself. */
export interface OpenBooks {
  readonly ledger: Ledger;
  close(): Promise<void>;
}

export interface OpenBooksOptions {
  readonly clock: Clock;
  readonly processorNames: readonly string[];
  /** Opening an embedded ledger would create it: `existing` refuses that. */
  readonly mode: 'existing' | 'create';
}

export async function openBooks(
  target: LedgerTarget,
  { clock, processorNames, mode }: OpenBooksOptions,
): Promise<Outcome<OpenBooks>> {
  if (mode === 'existing' && target.kind === 'lmdb' && !hasDataFile(target.path)) {
    return failed(`found no ledger in ${target.path}`);
  }
  const parts = { clock, random: Math.random };
  const entered = await enterLedger(target, parts);
  if (entered.kind === 'failed') return failed(entered.reason);
  try {
    const ledger = await openLedger(target, processorNames, parts, 'here');
    const close = async () => {
      await ledger.close();
      entered.leave();
    };
    return { kind: 'ok', value: { ledger, close } };
  } catch (error) {
    entered.leave();
    if (isSetupError(error)) return failed(error.message);
    throw error;
  }
}
