// Sends load to a running deployment, and compares its ledger with the processors' records:
// node test/system/acceptance.ts --gateway URL[,URL…] --processor DEFAULT_URL,FALLBACK_URL [--payments N] [--rate PER_S]
// Exits with code 1 if a payment was not accepted or anything differs.

import { parseArgs } from 'node:util';
import { Random } from '../sim/random.ts';
import { Books, sum } from './books.ts';
import { Load } from './load.ts';
import { ProcessorAdmin } from './processor-admin.ts';

const NAMES = ['default', 'fallback'];
const AGREE_WITHIN_MS = 5_000;

const { values } = parseArgs({
  options: {
    gateway: { type: 'string', default: 'http://127.0.0.1:9999' },
    processor: { type: 'string', default: 'http://127.0.0.1:8001,http://127.0.0.1:8002' },
    payments: { type: 'string', default: '5000' },
    rate: { type: 'string', default: '500' },
    windows: { type: 'string', default: '50' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    token: { type: 'string', default: '123' },
  },
});
const urls = values.gateway.split(',');
const processors = values.processor
  .split(',')
  .map((url, index) => new ProcessorAdmin(NAMES[index] ?? `processor-${index}`, url, values.token));
const random = new Random(whole('seed'));
const books = new Books(urls, processors);

const problems: string[] = [];
const before = await books.counts();
const load = new Load({ urls, payments: whole('payments'), ratePerS: whole('rate'), random });
const fromMs = Date.now();
await load.run();
const endMs = Date.now();
const refused = load.payments.length - load.accepted.length;
say('accepted', `${load.accepted.length} of ${load.payments.length} in ${seconds(endMs - fromMs)}`);
if (refused > 0) problems.push(`${refused} payments were not accepted`);

try {
  await books.untilSettled(sum(before) + load.accepted.length, AGREE_WITHIN_MS);
  say('ledger agrees', `${seconds(Date.now() - endMs)} after the last answer`);
} catch (error) {
  problems.push(String(error));
}
const differences = await books.differencesWithin({ fromMs, toMs: Date.now() }, whole('windows'), random);
say(
  'windows',
  `${values.windows} random windows compared at ${urls.length} gateways, ${differences.length} differ`,
);
const faults = await books.faults(load.payments, before);
say('charges', `${sum(await books.counts()) - sum(before)} compared one by one, ${faults.length} faults`);

problems.push(...differences, ...faults);
for (const problem of problems) say('problem', problem);
say('result', `${problems.length === 0 ? 'passed' : 'failed'}, seed ${values.seed}`);
process.exitCode = problems.length === 0 ? 0 : 1;

function whole(option: 'payments' | 'rate' | 'windows' | 'seed'): number {
  const value = Number(values[option]);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${option} must be a whole number above 0`);
  return value;
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(2)} s`;
}

function say(what: string, text: string): void {
  console.log(`${what.padEnd(12)} ${text}`);
}
