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
/** A start that takes longer says what it is waiting for. */
const READY_NOTICE_MS = 3000;

// Composition root of `npm start`: the whole system on one machine, to try out. The gateway runs in its own process, as
// everywhere; this process runs the simulated processors.
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

/** Lets the dashboard, and only the dashboard, control the simulated processors. */
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
  if (decimal === null) throw new Error(`${fee} is not a decimal number`);
  const opened = openBooks(booksFile, (reason) =>
    console.error(`dinossauro: ${booksFile} cannot be written, so \`${name}\` answers 500: ${reason}`),
  );
  if (opened.kind === 'failed') {
    fail(`${booksFile}: ${opened.reason}; to start over, delete it together with the ledger`);
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
    fail(`${served.reason}; stop the process that listens there, or set ${setting} to your own processor`);
  }
  console.log(`processor ${name.padEnd(8)}  ${simulatedUrl(simulated)}  simulated, fee ${fee}`);
  return processor;
}

/** Runs until the gateway exits, and exits with its code. Passes stop requests on to it. */
async function runGateway(config: Config): Promise<void> {
  const program = fileURLToPath(new URL('./gateway.ts', import.meta.url));
  const gateway = spawn(process.execPath, [program], {
    env: { ...environment, LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'warn' },
    // The gateway stops when the IPC channel closes, so it does not outlive this process.
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
  // If it could not listen, it has already said why.
  else if (listens || signal !== null) {
    console.error(`dinossauro: the gateway exited with ${signal ?? `code ${code}`}`);
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
    console.log(`\nOpen ${pageUrl(listen)}${isSimulated ? ' to send load and break a processor' : ''}`);
  }
  console.log(`\nOr use curl:\n  ${curl} -i ${place}/payments -d '${body}'`);
  console.log(`  ${curl} ${place}/payments-summary`);
  console.log('\nCtrl-C stops everything; unsettled payments are settled after the next start.');
}

/** The dashboard's URL for a browser on this machine. A wildcard address such as 0.0.0.0 does not work there. */
function pageUrl(listen: Extract<Address, { kind: 'tcp' }>): string {
  const isEverywhere = listen.host === '0.0.0.0' || listen.host === '::';
  return `http://${formatAddress(isEverywhere ? { ...listen, host: HOST } : listen)}/dashboard`;
}

/** Says once what the gateway is waiting for, if it takes long. */
async function untilReady(config: Config): Promise<void> {
  const beganAtMs = systemClock.monotonicMs();
  let isReported = false;
  for (;;) {
    const obstacle = await obstacleOf(config);
    if (obstacle === null) return;
    if (!isReported && systemClock.monotonicMs() - beganAtMs > READY_NOTICE_MS) {
      console.error(`dinossauro: not ready yet: ${obstacle}`);
      isReported = true;
    }
    await sleep(systemClock, READY_POLL_MS);
  }
}

function fail(...lines: string[]): never {
  for (const line of lines) console.error(`dinossauro: ${line}`);
  process.exit(1);
}

/** Why the gateway is not ready, or null. Not with `fetch`, which cannot use a unix socket. */
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
