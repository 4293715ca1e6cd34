import { stat } from 'node:fs/promises';
import { serveAudit } from '../../src/http/audit.ts';
import { createApp } from '../../src/http/uws.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { KeptLog } from '../kept-log.ts';
import { keyringOf } from '../keyring.ts';
import { configIn } from '../settings.ts';
import { takeAllThreads } from '../starved.ts';
import { serveHere } from './served.ts';

// A program that asks for an audit while it has no threads left, and once more when it has. It prints what was answered
// and logged. With this ledger, the second audit finds that the ledger does not answer.
const SHAPE = { processorCount: 2, threadCount: 2 };

await stat('/');
const config = configIn('/tmp', { AUDIT_ACCESS: 'open', LEDGER_URL: 'redis://127.0.0.1:1' });
const sharedState = new SharedState(SharedState.allocate(SHAPE), SHAPE);
const [app, log] = [createApp(), new KeptLog()];
serveAudit({ app, config, keyring: keyringOf([]), sharedState, log });
const listener = await serveHere(app);
const url = `${listener.url}/audit`;
const ask = async () => ((await (await fetch(url)).json()) as { type: string }).type.split('#')[1];
// `fetch` needs no thread to connect to an IP address.
const fillers = takeAllThreads();
const answers = [await ask()];
await Promise.all(fillers.map((filler) => filler.terminate()));
answers.push(await ask());
console.log(JSON.stringify({ fillerCount: fillers.length, answers, lines: log.lines }));
process.exit();
