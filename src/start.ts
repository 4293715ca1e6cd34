import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { get } from 'node:http';
import { constants } from 'node:os';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type Config, readConfig } from './config/config.ts';
import {
  demoEnvironment,
  HOST,
  playedBooksFile,
  SIMULATED_PROCESSORS,
  SIMULATED_TOKEN,
  type SimulatedProcessorSetting,
  simulatedAddress,
  simulatedUrl,
  simulatesProcessors,
} from './config/demo.ts';
import { type Address, formatAddress } from './core/address.ts';
import { sleep, systemClock } from './core/clock.ts';
import { onStopRequest } from './core/stop-request.ts';
import { openBooks } from './simulated/books-file.ts';
import { parseDecimal } from './simulated/decimal.ts';
import { serveLab } from './simulated/lab.ts';
import { Load } from './simulated/load.ts';
import { SimulatedProcessor } from './simulated/processor.ts';
import { serve } from './simulated/server.ts';

const READY_POLL_MS = 50;
/** How long a start may take before it says what it waits for. */
const READY_NOTICE_MS = 3000;

// Composition root of `npm start`: the whole thing on one machine, to look at and to try. The gateway is a process
// of its own, as everywhere; only the processors that it is tried with live here.
const environment: NodeJS.ProcessEnv = { ...demoEnvironment(process.env) };
const reading = readConfig(environment);
if (reading.kind === 'wrong') fail(...reading.problems, ...reading.warnings);
if (simulatesProcessors(process.env)) await simulateAll(reading.config);
await runGateway(reading.config);

async function simulateAll({ listen, access, ledger }: Config): Promise<void> {
  const processors = new Map<string, SimulatedProcessor>();
  for (const simulated of SIMULATED_PROCESSORS)
    processors.set(simulated.name, await simulate(simulated, playedBooksFile(simulated, ledger)));
  if (listen.kind === 'tcp' && listen.port !== 0 && access.dashboard !== 'off')
    await openLab(processors, listen);
}

/** Gives the dashboard, and nobody else, the control of the processors that are played here. */
async function openLab(
  processors: ReadonlyMap<string, SimulatedProcessor>,
  { host, port }: Extract<Address, { kind: 'tcp' }>,
): Promise<void> {
  const token = randomBytes(24).toString('base64url');
  const load = new Load({ host, port, clock: systemClock, random: Math.random, newId: randomUUID });
  const origins = [HOST, 'localhost', '[::1]'].map((name) => `http://${name}:${port}`);
  const served = await serveLab({ processors, load, token, origins });
  if (served.kind === 'failed') fail(served.reason);
  environment['DASHBOARD_LAB'] = `http://${HOST}:${served.port}/#${token}`;
}

async function simulate(
  simulated: SimulatedProcessorSetting,
  booksFile: string,
): Promise<SimulatedProcessor> {
  const { name, fee, setting } = simulated;
  const decimal = parseDecimal(fee);
  if (decimal === null) throw new Error(`${fee} is no decimal`);
  const opened = openBooks(booksFile, (reason) =>
    console.error(`dinossauro: ${booksFile} cannot be written, so \`${name}\` answers 500: ${reason}`),
  );
  if (opened.kind === 'failed') {
    fail(`${booksFile}: ${opened.reason}; to begin anew, remove it together with the ledger`);
  }
  const processor = new SimulatedProcessor({
    clock: systemClock,
    random: Math.random,
    fee: decimal,
    token: SIMULATED_TOKEN,
    books: opened.books,
  });
  const served = await serve(processor, simulatedAddress(simulated));
  if (served.kind === 'failed') {
    fail(`${served.reason}; stop what listens there, or name a processor of your own in ${setting}`);
  }
  console.log(`processor ${name.padEnd(8)}  ${simulatedUrl(simulated)}  simulated, fee ${fee}`);
  return processor;
}

/** Lasts as long as the gateway, and ends as it does: what asks this process to stop is passed on to it. */
async function runGateway(config: Config): Promise<void> {
  const program = fileURLToPath(new URL('./gateway.ts', import.meta.url));
  const gateway = spawn(process.execPath, [program], {
    env: { ...environment, LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'warn' },
    // By the channel the gateway knows when this process dies, however it does, and does not stay behind.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(gateway, 'exit');
  let listens = false;
  const pass = (signal: NodeJS.Signals | 'disconnect') =>
    gateway.kill(signal === 'disconnect' ? 'SIGTERM' : signal);
  onStopRequest(pass, pass);
  gateway.once('message', () => {
    listens = true;
    void untilReady(config).then(() => invite(config));
  });
  const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null];
  if (code === 0) console.log('stopped');
  // What kept it from listening it has said itself.
  else if (listens || signal !== null) {
    console.error(`dinossauro: the gateway ended with ${signal ?? `code ${code}`}`);
  }
  process.exit(code ?? 128 + constants.signals[signal ?? 'SIGTERM']);
}

function invite(config: Config): void {
  const { listen, ledger, journalDir, access } = config;
  const [curl, place] =
    listen.kind === 'tcp'
      ? ['curl', `http://${formatAddress(listen)}`]
      : [`curl --unix-socket ${listen.path}`, 'http://localhost'];
  const newId = process.platform === 'linux' ? 'cat /proc/sys/kernel/random/uuid' : 'uuidgen';
  const body = `{"correlationId":"'$(${newId})'","amount":19.90}`;
  console.log(`gateway             ${place}  ledger ${ledger.kind}, journal ${journalDir}`);
  if (listen.kind === 'tcp' && access.dashboard !== 'off') {
    const isSimulated = environment['DASHBOARD_LAB'] !== undefined;
    console.log(
      `\nOpen ${pageUrl(listen)}${isSimulated ? ', send it load and break a processor there' : ''}`,
    );
  }
  console.log(`\nOr by hand:\n  ${curl} -i ${place}/payments -d '${body}'`);
  console.log(`  ${curl} ${place}/payments-summary`);
  console.log('\nCtrl-C stops everything; what is not settled by then is settled after the next start.');
}

/** Where a browser on this machine finds the dashboard: it answers to no name like 0.0.0.0. */
function pageUrl(listen: Extract<Address, { kind: 'tcp' }>): string {
  const isEverywhere = listen.host === '0.0.0.0' || listen.host === '::';
  return `http://${formatAddress(isEverywhere ? { ...listen, host: HOST } : listen)}/dashboard`;
}

/** Says once why it takes long, if it does. */
async function untilReady(config: Config): Promise<void> {
  const beganAtMs = systemClock.monotonicMs();
  let isSaid = false;
  for (;;) {
    const obstacle = await obstacleOf(config);
    if (obstacle === null) return;
    if (!isSaid && systemClock.monotonicMs() - beganAtMs > READY_NOTICE_MS) {
      console.error(`dinossauro: not ready yet: ${obstacle}`);
      isSaid = true;
    }
    await sleep(systemClock, READY_POLL_MS);
  }
}

function fail(...lines: string[]): never {
  for (const line of lines) console.error(`dinossauro: ${line}`);
  process.exit(1);
}

/** What the gateway lacks, or null. By hand: this may go over a unix socket, which `fetch` cannot. */
function obstacleOf({ listen }: Config): Promise<string | null> {
  const where =
    listen.kind === 'tcp' ? { host: listen.host, port: listen.port } : { socketPath: listen.path };
  return new Promise((resolve) => {
    get({ ...where, path: '/readyz', agent: false }, async (response) => {
      const body = await text(response);
      if (response.statusCode === 200) return resolve(null);
      resolve((JSON.parse(body) as { readonly detail?: string }).detail ?? body);
    }).once('error', (error) => resolve(error.message));
  });
}
