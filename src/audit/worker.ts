import assert from 'node:assert';
import { parentPort, workerData } from 'node:worker_threads';
import type { Config } from '../config/config.ts';
import { withCurrentCredentials } from '../config/credentials.ts';
import { systemClock } from '../core/clock.ts';
import type { AuditRequest } from './audit.ts';
import { Auditor } from './auditor.ts';
import type { ReadFailure } from './our-books.ts';

/** What an HTTP thread passes to the thread of one audit. */
export interface AuditTask {
  readonly config: Config;
  readonly request: AuditRequest;
}

/** The result of that thread: the report as JSON, or the reason why there is no report. */
export type AuditMessage = { readonly kind: 'report'; readonly json: string } | ReadFailure;

// Composition root of the thread of one audit. Any message to it means: stop now. It is never terminated from outside,
// since it might hold a lock of the ledger.
assert.ok(parentPort !== null);
const port = parentPort;
const { config, request }: AuditTask = workerData;
const processors = await withCurrentCredentials(config, process.env);
const auditor = await Auditor.open({
  config: { ...config, processors },
  environment: process.env,
  clock: systemClock,
  random: Math.random,
});
port.once('message', () => void end());
const reply = await auditor.run(request);
if (reply.kind === 'ok') say({ kind: 'report', json: JSON.stringify(reply.value) });
else say(reply);
await end();

function say(message: AuditMessage): void {
  port.postMessage(message);
}

async function end(): Promise<void> {
  await auditor.close();
  process.exit();
}
