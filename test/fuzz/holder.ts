import { connect } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

/** What a thread that holds connections is told. */
export interface Holding {
  readonly port: number;
  readonly connections: number;
}

/** What it says, once a second. */
export interface Held {
  /** Open, at this moment. */
  readonly openCount: number;
  /** Closed by the server so far; each was opened again. */
  readonly closedCount: number;
}

/** Few enough that opening them is not what the honest client suffers from. */
const OPEN_PER_TICK = 40;
const TICK_MS = 20;
const DRIP_MS = 1_000;
const REPORT_MS = 1_000;

const WHOLE = 'GET /livez HTTP/1.1\r\nHost: a\r\n\r\n';
const HEAD = 'GET /livez HTTP/1.1\r\nHost: a\r\n';
const BODY = 'POST /payments HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n';
/** What each connection begins with, and whether it goes on byte by byte. */
const WAYS = [
  { beginning: '', drips: false },
  { beginning: WHOLE, drips: false },
  { beginning: HEAD, drips: true },
  { beginning: BODY, drips: true },
] as const;

const { port, connections } = workerData as Holding;
let wanted = connections;
let openCount = 0;
let closedCount = 0;
let opened = 0;

setInterval(() => {
  for (let count = 0; count < OPEN_PER_TICK && wanted > 0; count++) hold(opened++);
}, TICK_MS);
setInterval(() => parentPort?.postMessage({ openCount, closedCount } satisfies Held), REPORT_MS);

/**
 * A quarter says nothing, a quarter nothing more after one request, a quarter drips headers and a quarter a body, a
 * byte a second. What the server closes is opened again.
 */
function hold(number: number): void {
  wanted--;
  const localAddress = `127.20.${Math.floor(number / 200) % 250}.${(number % 200) + 1}`;
  const way = WAYS[number % WAYS.length] ?? WAYS[0];
  const socket = connect({ host: '127.0.0.1', port, localAddress, noDelay: true });
  let dripping: NodeJS.Timeout | undefined;
  let wasOpen = false;
  socket.on('connect', () => {
    openCount++;
    wasOpen = true;
    socket.write(way.beginning);
    if (way.drips) dripping = setInterval(() => socket.write('x'), DRIP_MS);
  });
  socket.on('data', () => {});
  socket.on('error', () => {});
  socket.on('close', () => {
    clearInterval(dripping);
    if (wasOpen) {
      openCount--;
      closedCount++;
    }
    wanted++;
  });
}
