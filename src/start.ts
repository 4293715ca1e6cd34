import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { get } from 'node:http';
import { fileURLToPath } from 'node:url';
import { systemClock } from './clock.ts';
import { type Config, readConfig } from './config.ts';
import { type Address, formatAddress } from './http/address.ts';
import { parseDecimal } from './simulated/decimal.ts';
import { serveLab } from './simulated/lab.ts';
import { Load } from './simulated/load.ts';
import { SimulatedProcessor } from './simulated/processor.ts';
import { serve } from './simulated/server.ts';
import {
  HOST,
  PLAYED,
  type Played,
  playedAddress,
  playedUrl,
  playsProcessors,
  trialEnvironment,
} from './trial.ts';

const TOKEN = '123';

// Composition root of `npm start`: the whole thing on one machine, to look at and to try. The gateway is a process
// of its own, as everywhere; only the processors that it is tried with live here.
const environment: NodeJS.ProcessEnv = { ...trialEnvironment(process.env) };
const reading = readConfig(environment);
if (reading.kind === 'wrong') fail(...reading.problems);
if (playsProcessors(process.env)) await playAll(reading.config);
await runGateway(reading.config);

async function playAll({ listen, access }: Config): Promise<void> {
  const processors = new Map<string, SimulatedProcessor>();
  for (const played of PLAYED) processors.set(played.name, await play(played));
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

async function play(played: Played): Promise<SimulatedProcessor> {
  const { name, fee, setting } = played;
  const decimal = parseDecimal(fee);
  if (decimal === null) throw new Error(`${fee} is no decimal`);
  const processor = new SimulatedProcessor({
    clock: systemClock,
    random: Math.random,
    fee: decimal,
    token: TOKEN,
  });
  const served = await serve(processor, playedAddress(played));
  if (served.kind === 'failed') fail(`${served.reason}; set ${setting} to have none played`);
  console.log(`processor ${name.padEnd(8)}  ${playedUrl(played)}  simulated, fee ${fee}`);
  return processor;
}

/** Lasts as long as the gateway, and ends as it does. A Ctrl-C reaches both processes; this one waits. */
async function runGateway(config: Config): Promise<void> {
  const program = fileURLToPath(new URL('./primary.ts', import.meta.url));
  const gateway = spawn(process.execPath, [program], {
    env: { ...environment, LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'warn' },
    // By the channel the gateway knows when this process dies, however it does, and does not stay behind.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => gateway.kill('SIGTERM'));
  const ended = once(gateway, 'exit');
  if (await ready(config, ended)) invite(config);
  const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null];
  if (code !== 0) console.error(`dinossauro: the gateway ended with ${signal ?? `code ${code}`}`);
  else console.log('stopped');
  process.exit(code ?? 1);
}

function invite(config: Config): void {
  const [curl, place] =
    config.listen.kind === 'tcp'
      ? ['curl', `http://${formatAddress(config.listen)}`]
      : [`curl --unix-socket ${config.listen.path}`, 'http://localhost'];
  console.log(`gateway             ${place}  ledger ${config.ledger.kind}, journal ${config.journalDir}`);
  if (config.listen.kind === 'tcp' && config.access.dashboard !== 'off') {
    console.log(`\nWatch it: ${pageUrl(config.listen)}`);
  }
  console.log('\nTry it (Ctrl-C stops everything):');
  const body = `{"correlationId":"'$(cat /proc/sys/kernel/random/uuid)'","amount":19.90}`;
  console.log(`  ${curl} -i ${place}/payments -d '${body}'`);
  console.log(`  ${curl} ${place}/payments-summary`);
}

/** Where a browser on this machine finds the dashboard: it answers to no name like 0.0.0.0. */
function pageUrl(listen: Extract<Address, { kind: 'tcp' }>): string {
  const isEverywhere = listen.host === '0.0.0.0' || listen.host === '::';
  return `http://${formatAddress(isEverywhere ? { ...listen, host: HOST } : listen)}/dashboard`;
}

/** Asks until the gateway is ready; false when it has ended instead. */
async function ready(config: Config, ended: Promise<unknown>): Promise<boolean> {
  let alive = true;
  void ended.then(() => {
    alive = false;
  });
  while (alive) {
    if (await answersReady(config)) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

function fail(...lines: string[]): never {
  for (const line of lines) console.error(`dinossauro: ${line}`);
  process.exit(1);
}

/** `GET /readyz` by hand: this may go over a unix socket, which `fetch` cannot. */
function answersReady({ listen }: Config): Promise<boolean> {
  const where =
    listen.kind === 'tcp' ? { host: listen.host, port: listen.port } : { socketPath: listen.path };
  return new Promise((resolve) => {
    get({ ...where, path: '/readyz', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    }).once('error', () => resolve(false));
  });
}
