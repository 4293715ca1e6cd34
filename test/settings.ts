import { type Config, readConfig } from '../src/config/config.ts';
import type { Environment } from '../src/core/environment.ts';

/** What these settings mean. Throws what is wrong with them. */
export function configOf(environment: Environment): Config {
  const reading = readConfig(environment, 'host');
  if (reading.kind === 'wrong') throw new Error(reading.problems.join('\n'));
  return reading.config;
}

/** The settings of a gateway whose files are in `directory`, with nothing else of this machine in them. */
export function configIn(directory: string, environment: Record<string, string> = {}): Config {
  return configOf({
    INSTANCE_ID: 'gateway-1',
    JOURNAL_DIR: directory,
    LEDGER_URL: `lmdb:${directory}/ledger`,
    LISTEN: '127.0.0.1:0',
    PAYMENT_PROCESSOR_URL_DEFAULT: 'http://127.0.0.1:1',
    PAYMENT_PROCESSOR_URL_FALLBACK: 'http://127.0.0.1:1',
    QUEUE_CAPACITY: '1024',
    LOG_LEVEL: 'silent',
    WARM_UP_PAYMENTS: '0',
    ...environment,
  });
}
