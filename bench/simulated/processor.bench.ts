import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Bench } from 'tinybench';
import { systemClock } from '../../src/core/clock.ts';
import { SimulatedProcessor } from '../../src/simulated/processor.ts';
import { readPayment } from '../../src/simulated/request.ts';

/** The CPU cost of the simulated processor, which shares the machine with the gateway being measured. */
const smoke = process.env['BENCH_SMOKE'] === '1';
const MAIN = fileURLToPath(new URL('../../src/simulated/main.ts', import.meta.url));
/** The kernel reports CPU time in hundredths of a second. */
const TICK_US = 10_000;

let serial = 0;

function nextBody(): string {
  const id = (serial++).toString(16).padStart(12, '0');
  return `{"correlationId":"4a7901b8-7d26-4d9d-aa19-${id}","amount":19.9,"requestedAt":"2025-07-15T12:34:56.120Z"}`;
}

async function measureRules(): Promise<void> {
  const fee = { units: 5n, scale: 2 };
  const processor = new SimulatedProcessor({ clock: systemClock, random: Math.random, fee, token: '123' });
  const bench = new Bench({ time: smoke ? 10 : 1000, warmupTime: smoke ? 5 : 250 });
  const body = Buffer.from(nextBody());
  bench.add('body read', () => void readPayment(body));
  bench.add('body made, read, payment inserted', () => {
    const payment = readPayment(Buffer.from(nextBody()));
    if (payment !== null) processor.pay(payment, () => {});
  });
  await bench.run();
  console.table(bench.table());
}

function start(): Promise<{ child: ChildProcess; port: number }> {
  const environment = { ...process.env, LISTEN: '127.0.0.1:0' };
  const child = spawn(process.execPath, [MAIN], { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error('the processor did not start')));
    child.stdout.once('data', (line) => resolve({ child, port: Number(/:(\d+),/.exec(String(line))?.[1]) }));
  });
}

/** User and system time of a process (fields 14 and 15 of its stat file). */
function cpuUs(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

function pay(socket: Socket): Promise<void> {
  const body = nextBody();
  const head = `POST /payments HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
  socket.write(`${head}\r\n\r\n${body}`);
  return new Promise((resolve) => socket.once('data', () => resolve()));
}

/** Payments one after another on each connection, `pauseMs` apart. */
async function load(sockets: readonly Socket[], paymentCount: number, pauseMs: number): Promise<void> {
  let left = paymentCount;
  await Promise.all(
    sockets.map(async (socket) => {
      while (left-- > 0) {
        await pay(socket);
        if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }),
  );
}

async function measureServer(): Promise<void> {
  const { child, port } = await start();
  const sockets = await Promise.all(Array.from({ length: 32 }, () => dial(port)));
  await load(sockets, smoke ? 100 : 20_000, 0);
  const rows = [];
  for (const [shape, paymentCount, pauseMs] of [
    ['as fast as 32 connections can', smoke ? 100 : 50_000, 0],
    ['about 500 a second', smoke ? 32 : 5000, 64],
  ] as const) {
    const beforeUs = cpuUs(child.pid);
    const startMs = performance.now();
    await load(sockets, paymentCount, pauseMs);
    const perSecond = Math.round((paymentCount / (performance.now() - startMs)) * 1000);
    const cpu = ((cpuUs(child.pid) - beforeUs) / paymentCount).toFixed(1);
    rows.push({ shape, 'payments/s': perSecond, 'CPU µs/payment': cpu });
  }
  for (const socket of sockets) socket.destroy();
  child.removeAllListeners('exit');
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
  console.table(rows);
}

await measureRules();
await measureServer();
